"""Between float pixels and the bytes that codecs and cameras work on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdcpt.degradations.base import Pixels

Bytes: TypeAlias = NDArray[np.uint8]
"""An array of 8-bit values, (3, H, W) or (H, W)."""


def to_bytes(image: Pixels) -> Bytes:
    """Rounds to 8 bit, halves to the even neighbour as ``apply`` does.

    Args:
        image: Values in [0, 1], contiguous, of any shape.
    """
    rounded = cv2.convertScaleAbs(image.reshape(1, -1), alpha=255)
    return np.asarray(rounded, dtype=np.uint8).reshape(image.shape)


def to_floats(planes: Sequence[NDArray[Any]]) -> Pixels:
    """The planes (H, W) of an 8-bit picture, stacked as floats in [0, 1]."""
    image = np.empty((len(planes), *planes[0].shape), dtype=np.float32)
    for plane, place in zip(planes, image, strict=True):
        np.divide(plane, np.float32(255), out=place)
    return image
