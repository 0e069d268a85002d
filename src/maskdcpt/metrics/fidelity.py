"""PSNR, SSIM and NRMSE as restoration papers report them: RGB, whole image, no rounding, data range 1, float64.

All take a restored image and its reference, (3, H, W) or a batch (N, 3, H, W), in [0, 1], and give one value an
image: a float64 tensor () or (N,). All raise ``UserError`` if the two do not have the same shape, are not floats or
hold values that are not numbers. And all take the same options, for the other ways in which papers report them:

``bits``
    Round both to so many bits a channel first, as saved files are, clipped to [0, 1]. None compares as they are.
``luma``
    Compare luma by ITU-R BT.601, from 16/255 to 235/255, instead of colours. The data range stays 1.
``border``
    Pixels to leave out at each side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.metrics.inputs import check_pair, prepare
from maskdcpt.metrics.windows import gaussian_means

WINDOW = 11
"""Side of the SSIM window in pixels."""
SIGMA = 1.5
"""Standard deviation of the SSIM window in pixels."""
STRIP = 64
"""Rows that SSIM is computed of at a time: as few as stay in the processor's cache, where it takes half of the time."""
_C1 = 0.01**2
_C2 = 0.03**2


def psnr(
    restored: Tensor, reference: Tensor, *, bits: int | None = None, luma: bool = False, border: int = 0
) -> Tensor:
    """Peak signal-to-noise ratio in dB: ``-10 log10`` of the mean squared error over all pixels and channels.

    Args:
        restored: The image to judge.
        reference: What it should be.
        bits: Bits a channel to round to first.
        luma: Whether to compare luma.
        border: Pixels to leave out at each side.

    Returns:
        Decibels, higher is better; infinity for identical images.

    Raises:
        UserError: If the images cannot be compared.
    """
    x, y = _prepared(restored, reference, bits, luma, border)
    return -10 * _squared_error(x, y).log10()


def nrmse(
    restored: Tensor, reference: Tensor, *, bits: int | None = None, luma: bool = False, border: int = 0
) -> Tensor:
    """Root mean squared error as a share of the range of values of the restored image.

    The published protocols of MaskDCPT (arXiv 2510.13282) divide by the range of the restored image, not of the
    reference: the two arguments do not play the same part.

    Args:
        restored: The image to judge.
        reference: What it should be.
        bits: Bits a channel to round to first.
        luma: Whether to compare luma.
        border: Pixels to leave out at each side.

    Returns:
        A ratio, lower is better; 0 for identical images, infinity for a flat restored image that differs.

    Raises:
        UserError: If the images cannot be compared.
    """
    x, y = _prepared(restored, reference, bits, luma, border)
    error = _squared_error(x, y).sqrt()
    extent = x.amax((-3, -2, -1)) - x.amin((-3, -2, -1))
    return torch.where(error == 0, error, error / extent)


def ssim(
    restored: Tensor, reference: Tensor, *, bits: int | None = None, luma: bool = False, border: int = 0
) -> Tensor:
    """Structural similarity.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE Transactions on
    Image Processing 13(4), 2004: Gaussian window of 11 x 11 pixels with standard deviation 1.5, biased variances,
    K1 = 0.01, K2 = 0.03. The mean is over the positions where the window lies inside the image, then over channels.

    Args:
        restored: The image to judge; without its border 11 pixels or more a side.
        reference: What it should be.
        bits: Bits a channel to round to first.
        luma: Whether to compare luma.
        border: Pixels to leave out at each side.

    Returns:
        A similarity of at most 1, which identical images have; higher is better.

    Raises:
        UserError: If the images cannot be compared, or the window does not fit into them.
    """
    x, y = _prepared(restored, reference, bits, luma, border)
    if min(x.shape[-2:]) < WINDOW:
        raise UserError(f"SSIM needs images of {WINDOW} pixels or more a side, not {x.shape[-1]} x {x.shape[-2]}")
    places = x.shape[-2] - WINDOW + 1
    lines = []
    for top in range(0, places, STRIP):
        seen = min(STRIP, places - top) + WINDOW - 1
        lines.append(_similarity(x.narrow(-2, top, seen), y.narrow(-2, top, seen)).mean(-1))
    return torch.cat(lines, -1).mean(-1).mean(-1)


def _similarity(x: Tensor, y: Tensor) -> Tensor:
    """Structural similarity at every place of the window."""
    mean_x, mean_y, xx, yy, xy = gaussian_means(torch.stack((x, y, x * x, y * y, x * y)), WINDOW, SIGMA)
    covariance = xy - mean_x * mean_y
    variances = xx - mean_x**2 + yy - mean_y**2
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    structure = (2 * covariance + _C2) / (variances + _C2)
    similarity: Tensor = luminance * structure
    return similarity


def _prepared(restored: Tensor, reference: Tensor, bits: int | None, luma: bool, border: int) -> tuple[Tensor, Tensor]:
    x, y = check_pair(restored, reference)
    return prepare(x, bits=bits, luma=luma, border=border), prepare(y, bits=bits, luma=luma, border=border)


def _squared_error(x: Tensor, y: Tensor) -> Tensor:
    return _mean((x - y).square())


def _mean(x: Tensor) -> Tensor:
    """The mean over channels and places, added up in an order that does not depend on the number of threads."""
    # Over all axes at once, threads would each add up a part of one sum. So each line is one, and goes to one of them.
    return x.mean(-1).mean(-1).mean(-1)
