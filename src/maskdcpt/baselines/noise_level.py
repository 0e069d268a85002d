"""How noisy an image is, told from the image alone."""

from __future__ import annotations

import cv2
import numpy as np

from maskdcpt.baselines.base import Pixels

NOTHING = 0.5 / 255
"""Deviation below which there is nothing to remove: that of the rounding to 8 bit is 0.3/255."""

_WAVELET = np.array([[-0.1294095226, -0.2241438680, 0.8365163037, -0.4829629131]])
"""High-pass filter of the Daubechies wavelet with two vanishing moments; its square sums to 1."""
_QUARTILE = 0.6744897502
"""Median of |x| for a normal x of deviation 1."""


def noise_level(image: Pixels) -> float:
    """Standard deviation of white noise in units of [0, 1], averaged over the channels.

    Donoho and Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81(3), 1994: the median of the
    absolute diagonal wavelet coefficients of the finest scale, over 0.6745. Most of what an image shows is too smooth
    to be seen there; fine texture counts as noise, and noise that is clipped at black or white counts too little.

    Args:
        image: (H, W, 3) in [0, 1].

    Returns:
        0 for images of less than 4 pixels a side, which do not hold a coefficient.
    """
    if min(image.shape[:2]) < _WAVELET.size:
        return 0.0
    # Correlated rather than convolved, which turns the wavelet round and leaves the level as it is.
    details = cv2.filter2D(image, -1, _WAVELET.T @ _WAVELET, anchor=(0, 0))
    whole = details[: 1 - _WAVELET.size, : 1 - _WAVELET.size]
    return float(np.median(np.abs(whole), axis=(0, 1)).mean()) / _QUARTILE
