"""Averages of patches that look alike, wherever they lie."""

from __future__ import annotations

import cv2

from maskdcpt.baselines.base import Pixels, from_eight_bit, to_eight_bit
from maskdcpt.baselines.noise_level import NOTHING, noise_level

PATCH, SEARCH = 3, 21
"""Sides of the patches that are compared and of the window in which they are looked for, in pixels."""
STRENGTH = 1.1
"""Filter strength h for noise of deviation 1."""


def non_local_means(image: Pixels) -> Pixels:
    """Non-local means of all channels together at the level of noise that the image seems to have, on 8 bit.

    An image without noise is left as it is.
    """
    sigma = noise_level(image)
    if sigma < NOTHING:
        return image
    return from_eight_bit(cv2.fastNlMeansDenoising(to_eight_bit(image), None, STRENGTH * sigma * 255, PATCH, SEARCH))
