"""How close a restored image is to its reference."""

from maskdcpt.metrics.fidelity import nrmse, psnr, ssim

__all__ = ["nrmse", "psnr", "ssim"]
