"""Brightening dark images by spreading their shades."""

from __future__ import annotations

import cv2

from maskdcpt.baselines.base import Pixels, from_eight_bit, to_eight_bit

CLIP, TILES = 2.0, 8
"""How much more than its even share a shade may take, and tiles a side: the usual settings."""


def clahe(image: Pixels) -> Pixels:
    """Contrast limited adaptive histogram equalisation of the lightness of CIELAB, on 8 bit; colours stay."""
    lab = cv2.cvtColor(to_eight_bit(image), cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(CLIP, (TILES, TILES)).apply(lab[..., 0].copy()).reshape(lab.shape[:2])
    return from_eight_bit(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))
