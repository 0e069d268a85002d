"""Means under a Gaussian window that moves over an image."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def gaussian_means(x: Tensor, side: int, sigma: float) -> Tensor:
    """Weighted means at every place where the window lies inside the image.

    Args:
        x: (..., H, W), neither smaller than the window.
        side: Height and width of the window in pixels, odd.
        sigma: Standard deviation of its weights in pixels.

    Returns:
        (..., H - side + 1, W - side + 1).
    """
    weights = [math.exp(-0.5 * ((index - side // 2) / sigma) ** 2) for index in range(side)]
    total = math.fsum(weights)
    # The Gaussian is separable. Adding shifted images is several times quicker than a convolution in float64.
    for axis in (-2, -1):
        places = x.shape[axis] - side + 1
        sums = torch.zeros_like(x.narrow(axis, 0, places))
        for index, weight in enumerate(weights):
            sums.add_(x.narrow(axis, index, places), alpha=weight / total)
        x = sums
    return x
