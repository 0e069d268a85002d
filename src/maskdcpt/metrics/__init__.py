"""How close a restored image is to its reference."""

from maskdcpt.metrics.fidelity import nrmse, psnr, ssim
from maskdcpt.metrics.registry import METRICS, Metric

__all__ = ["METRICS", "Metric", "nrmse", "psnr", "ssim"]
