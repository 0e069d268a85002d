"""Between encoded values and light: the sRGB transfer functions."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)


def to_linear(encoded: NDArray[Real]) -> NDArray[Real]:
    """The light of sRGB values, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, power((encoded + 0.055) / 1.055, 2.4))


def to_encoded(linear: NDArray[Real]) -> NDArray[Real]:
    """The sRGB values of light, clipped to [0, 1] (IEC 61966-2-1)."""
    linear = np.clip(linear, 0, 1)
    # The bound changes nothing that is kept; OpenCV's logarithm of zero is slow.
    curve = power(np.maximum(linear, 0.0031308), 1 / 2.4) * 1.055 - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, curve)


def power(values: NDArray[Real], exponent: float) -> NDArray[Real]:
    """``values ** exponent`` for values of at least 0, several times as fast as NumPy."""
    # One long row, since OpenCV would take the last axis of a three-axis array for channels.
    return np.asarray(cv2.pow(values.reshape(1, -1), exponent), dtype=values.dtype).reshape(values.shape)
