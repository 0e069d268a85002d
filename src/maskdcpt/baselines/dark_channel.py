"""Dehazing by the observation that clear scenes have something dark in every patch."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdcpt.baselines.base import Pixels

PATCH = 15
"""Side of the patches in pixels."""
KEEP = 0.95
"""Share of the haze that is removed; a little of it is left since distant things look wrong without."""
LEAST = 0.1
"""Smallest share of light from the scene that is reckoned with."""
BRIGHTEST = 0.001
"""Share of the pixels, those with the brightest dark channel, among which the colour of the haze is found."""
RADIUS, SMOOTH = 40, 1e-3
"""Radius of the guided filter in pixels, and the variance below which it smooths."""

Array = NDArray[np.float64]


def dark_channel_prior(image: Pixels) -> Array:
    """Estimates the haze's colour and how much of it lies before each pixel, and solves I = J t + A (1 - t) for J.

    The estimate is constant over patches; it is fitted to the edges of the image by a guided filter (He, Sun and Tang,
    "Guided image filtering", ECCV 2010), which came after the paper's matting and is quicker.
    """
    hazy = image.astype(np.float64)
    airlight = _airlight(hazy)
    transmission = 1 - KEEP * _dark_channel(hazy / airlight)
    transmission = guided_filter(hazy.mean(2), transmission)
    clear: Array = (hazy - airlight) / np.maximum(transmission, LEAST)[..., None] + airlight
    return clear


def _dark_channel(image: Array) -> Array:
    """The smallest value of any channel in the patch around each pixel."""
    smallest = np.ascontiguousarray(image.min(2))
    patch = np.ones((PATCH, PATCH), np.uint8)
    return np.asarray(cv2.erode(smallest, patch, borderType=cv2.BORDER_REPLICATE), np.float64).reshape(smallest.shape)


def _airlight(image: Array) -> Array:
    """Colour of the brightest pixel among those with the brightest dark channel."""
    dark = _dark_channel(image).ravel()
    candidates = image.reshape(-1, 3)[np.argsort(-dark, kind="stable")[: max(1, round(BRIGHTEST * dark.size))]]
    brightest: Array = candidates[candidates.sum(1).argmax()]
    return np.maximum(brightest, 1 / 255)


def guided_filter(guide: Array, image: Array) -> Array:
    """The image as a locally linear function of the guide, (H, W) both: smooth where that is, and with its edges."""
    mean_guide, mean_image = _mean(guide), _mean(image)
    slope = (_mean(guide * image) - mean_guide * mean_image) / (_mean(guide * guide) - mean_guide**2 + SMOOTH)
    filtered: Array = _mean(slope) * guide + _mean(mean_image - slope * mean_guide)
    return filtered


def _mean(image: Array) -> Array:
    side = 2 * RADIUS + 1
    mean = cv2.boxFilter(image, -1, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(mean, np.float64).reshape(image.shape)
