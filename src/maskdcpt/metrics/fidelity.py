"""PSNR, SSIM and NRMSE as restoration papers report them: RGB, whole image, no rounding, data range 1, float64.

All take a restored image and its reference, (3, H, W) or a batch (N, 3, H, W), in [0, 1], and give one value an
image: a float64 tensor () or (N,). All raise ``UserError`` if the two do not have the same shape, are not floats or
hold values that are not numbers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from maskdcpt.errors import UserError

WINDOW = 11
"""Side of the SSIM window in pixels."""
SIGMA = 1.5
"""Standard deviation of the SSIM window in pixels."""
_C1 = 0.01**2
_C2 = 0.03**2


def psnr(restored: Tensor, reference: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB: ``-10 log10`` of the mean squared error over all pixels and channels.

    Args:
        restored: The image to judge.
        reference: What it should be.

    Returns:
        Decibels, higher is better; infinity for identical images.

    Raises:
        UserError: If the images cannot be compared.
    """
    x, y = _doubles(restored, reference)
    return -10 * _squared_error(x, y).log10()


def nrmse(restored: Tensor, reference: Tensor) -> Tensor:
    """Root mean squared error as a share of the range of values of the restored image.

    The published protocols of MaskDCPT (arXiv 2510.13282) divide by the range of the restored image, not of the
    reference: the two arguments do not play the same part.

    Args:
        restored: The image to judge.
        reference: What it should be.

    Returns:
        A ratio, lower is better; 0 for identical images, infinity for a flat restored image that differs.

    Raises:
        UserError: If the images cannot be compared.
    """
    x, y = _doubles(restored, reference)
    error = _squared_error(x, y).sqrt()
    extent = x.amax((-3, -2, -1)) - x.amin((-3, -2, -1))
    return torch.where(error == 0, error, error / extent)


def ssim(restored: Tensor, reference: Tensor) -> Tensor:
    """Structural similarity.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE Transactions on
    Image Processing 13(4), 2004: Gaussian window of 11 x 11 pixels with standard deviation 1.5, biased variances,
    K1 = 0.01, K2 = 0.03. The mean is over the positions where the window lies inside the image, then over channels.

    Args:
        restored: The image to judge, 11 pixels or more a side.
        reference: What it should be.

    Returns:
        A similarity of at most 1, which identical images have; higher is better.

    Raises:
        UserError: If the images cannot be compared, or the window does not fit into them.
    """
    x, y = _doubles(restored, reference)
    if min(x.shape[-2:]) < WINDOW:
        raise UserError(f"SSIM needs images of {WINDOW} pixels or more a side, not {x.shape[-1]} x {x.shape[-2]}")
    mean_x, mean_y, xx, yy, xy = _local_means(torch.stack((x, y, x * x, y * y, x * y)))
    covariance = xy - mean_x * mean_y
    variances = xx - mean_x**2 + yy - mean_y**2
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2 * covariance + _C2) / (variances + _C2)
    similarity: Tensor = luminance * structure
    return similarity.mean((-3, -2, -1))


def _doubles(restored: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    if restored.shape != reference.shape:
        raise UserError(
            f"a restored image {tuple(restored.shape)} and a reference {tuple(reference.shape)} cannot be compared"
        )
    if restored.ndim not in (3, 4) or restored.shape[-3] != 3 or not restored.numel():
        raise UserError(f"metrics take RGB images (3, H, W) or (N, 3, H, W), not {tuple(restored.shape)}")
    for title, image in (("restored image", restored), ("reference", reference)):
        if not image.is_floating_point():
            raise UserError(f"the {title} has to hold floats in [0, 1], not {image.dtype}")
        if not image.isfinite().all():
            raise UserError(f"the {title} holds values that are not finite numbers")
    return restored.double(), reference.double()


def _squared_error(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().mean((-3, -2, -1))


def _local_means(x: Tensor) -> Tensor:
    """Weighted means (..., H - 10, W - 10) under the window at every place where it lies inside (..., H, W)."""
    weights = [math.exp(-0.5 * ((index - WINDOW // 2) / SIGMA) ** 2) for index in range(WINDOW)]
    total = math.fsum(weights)
    # The Gaussian is separable. Adding shifted images is several times quicker than a convolution in float64.
    for axis in (-2, -1):
        places = x.shape[axis] - WINDOW + 1
        sums = torch.zeros_like(x.narrow(axis, 0, places))
        for index, weight in enumerate(weights):
            sums.add_(x.narrow(axis, index, places), alpha=weight / total)
        x = sums
    return x
