"""Deconvolution of a blur whose width is told from the sharpest edges."""

from __future__ import annotations

import math

import cv2
import numpy as np

from maskdcpt.baselines.base import Pixels

ITERATIONS = 10
"""Few, since more of them enhance noise and ringing more than detail."""
SHARP = 1.1
"""Deviation in pixels that ``edge_width`` tells of a photo that nothing has blurred, at most."""
EDGES = 0.02
"""Share of pixels, those of the steepest slope, that count as edges."""
_TINY = 1e-4


def richardson_lucy(image: Pixels) -> Pixels:
    """Richardson-Lucy deconvolution by a Gaussian as wide as edges are blurred beyond those of a sharp photo.

    An image whose edges are sharp is left as it is. The shape of the blur is not told: lines and discs are treated as
    Gaussians as well.
    """
    excess = edge_width(image) ** 2 - SHARP**2
    if excess <= 0:
        return image
    sigma, estimate = float(np.sqrt(excess)), image
    for _ in range(ITERATIONS):
        # The kernel is its own mirror image.
        misfit = np.divide(image, np.maximum(_blur(estimate, sigma), _TINY), dtype=np.float32)
        estimate = np.multiply(estimate, _blur(misfit, sigma), dtype=np.float32)
    return estimate


def edge_width(image: Pixels) -> float:
    """Deviation in pixels of the Gaussian that a sharp step would have to be blurred by to look like the edges.

    Zhuo and Sim, "Defocus map estimation from a single image", Pattern Recognition 44(9), 2011: blurring once more, by
    a known width, lowers the slope of an edge by a ratio that tells its own width. It is the median over the steepest
    pixels here; 0 for an image without slopes.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32).reshape(image.shape[:2])
    before, after = _slope(grey), _slope(_blur(grey, 1.0))
    steep = (before >= np.quantile(before, 1 - EDGES)) & (after > _TINY)
    if not steep.any():
        return 0.0
    ratio = float(np.median(before[steep] / after[steep]))
    return 1 / math.sqrt(ratio**2 - 1) if ratio > 1 else math.inf


def _slope(grey: Pixels) -> Pixels:
    across, down = (cv2.Sobel(grey, -1, *order, borderType=cv2.BORDER_REFLECT) for order in ((1, 0), (0, 1)))
    return np.hypot(across, down)


def _blur(image: Pixels, sigma: float) -> Pixels:
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, dtype=np.float32).reshape(image.shape)
