"""Kernels of blur that are given by a formula: non-negative or not, they sum to 1."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

DISC_LINES = 16
"""Lines through each row of pixels along which a disc is measured."""


def elliptic_distance(size: int, deviations: tuple[float, float], angle: float) -> NDArray[np.float64]:
    """The squared Mahalanobis distance of the pixels of a kernel from its middle.

    It is q = x^T S^-1 x with S = R diag(s1^2, s2^2) R^T, x to the right and downwards, R the rotation by ``angle``.

    Args:
        size: Side of the kernel in pixels, odd.
        deviations: s1 and s2 in pixels, along the two axes of the ellipse.
        angle: From the first direction of the picture to the first axis of the ellipse, in radians.

    Returns:
        q, (size, size).
    """
    axis = np.arange(size) - size // 2
    along = np.cos(angle) * axis + np.sin(angle) * axis[:, None]
    across = np.cos(angle) * axis[:, None] - np.sin(angle) * axis
    q: NDArray[np.float64] = (along / deviations[0]) ** 2 + (across / deviations[1]) ** 2
    return q


def generalised_gaussian(q: NDArray[np.float64], beta: float = 1) -> NDArray[np.float64]:
    """The kernel exp(-q^beta / 2) over squared distances q: the Gaussian at 1, broad-topped above, peaked below."""
    return _normalised(np.exp(-(q**beta) / 2))


def plateau(q: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """The kernel 1 / (1 + q^beta) over squared distances q: broad, with long tails."""
    return _normalised(1 / (1 + q**beta))


def sinc(size: int, cutoff: float) -> NDArray[np.float64]:
    """The circular low-pass w J1(w r) / (2 pi r) that ends at a sharp frequency, and so leaves rings about edges.

    Args:
        size: Side of the kernel in pixels, odd.
        cutoff: w, in radians per pixel.

    Returns:
        Weights of both signs, (size, size).
    """
    axis = np.arange(size) - size // 2
    radius = np.hypot(axis, axis[:, None])
    radius[size // 2, size // 2] = 1
    # PyTorch has the Bessel function; SciPy would be one more package to install.
    wave = torch.special.bessel_j1(torch.from_numpy(cutoff * radius)).numpy()
    kernel = cutoff * wave / (2 * np.pi * radius)
    kernel[size // 2, size // 2] = cutoff**2 / (4 * np.pi)  # the limit at 0
    return _normalised(kernel)


def disc(radius: float) -> NDArray[np.float64]:
    """An evenly lit disc: of each pixel, the share that lies inside the circle.

    Args:
        radius: In pixels; what fits into one pixel leaves the picture as it is.

    Returns:
        Weights, an odd square.
    """
    radius = max(radius, 0.5)
    reach = int(np.ceil(radius - 0.5))
    axis = np.arange(-reach, reach + 1)
    lines = (np.arange(axis.size * DISC_LINES) + 0.5) / DISC_LINES - 0.5 - reach
    half = np.sqrt(np.maximum(radius**2 - lines**2, 0))[:, None]
    inside = np.minimum(axis + 0.5, half) - np.maximum(axis - 0.5, -half)
    kernel = np.clip(inside, 0, 1).reshape(axis.size, DISC_LINES, axis.size).sum(axis=1)
    # Along the lines the measure is exact and across them it is not; their mean is the same both ways.
    return _normalised(kernel + kernel.T)


def _normalised(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    kernel /= kernel.sum()
    return kernel
