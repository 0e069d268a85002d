"""Sizes of images that some libraries cannot take."""

from __future__ import annotations

from maskdcpt.degradations.base import Pixels
from maskdcpt.errors import UserError

WARPED = 32766
"""Most pixels along a side of a picture that OpenCV warps: it keeps positions in 16 bits."""


def require_sides(image: Pixels, limit: int, what: str) -> None:
    """Refuses an image (3, H, W) with a side of more than ``limit`` pixels.

    Raises:
        UserError: Naming ``what`` has the limit.
    """
    _, height, width = image.shape
    if max(height, width) > limit:
        raise UserError(f"{what} takes up to {limit} pixels a side; the image is {width} wide and {height} high")
