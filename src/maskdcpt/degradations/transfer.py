"""Between encoded values and light: the sRGB transfer functions."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", np.float32, np.float64)

STEPS = 255 * 1028
"""Intervals of the tables for single precision: every value of an 8-bit picture has an entry of its own, and nothing is
off by more than 5e-6, for a third of the time that the formulas take."""


def to_linear(encoded: NDArray[Real]) -> NDArray[Real]:
    """The light of sRGB values, clipped to [0, 1] (IEC 61966-2-1); in double precision exact."""
    encoded = np.clip(encoded, 0, 1)
    light = _decode(encoded) if encoded.dtype == np.float64 else _look_up(_linear_table(), encoded)
    return np.asarray(light, dtype=encoded.dtype)


def to_encoded(linear: NDArray[Real]) -> NDArray[Real]:
    """The sRGB values of light, clipped to [0, 1] (IEC 61966-2-1); in double precision exact."""
    linear = np.clip(linear, 0, 1)
    # Over the root of the light the curve is nowhere steep, unlike over the light.
    values = _encode(linear) if linear.dtype == np.float64 else _look_up(_encoded_table(), np.sqrt(linear, out=linear))
    return np.asarray(values, dtype=linear.dtype)


def power(values: NDArray[Real], exponent: float) -> NDArray[Real]:
    """``values ** exponent`` for values of at least 0, several times as fast as NumPy."""
    # One long row, since OpenCV would take the last axis of a three-axis array for channels.
    return np.asarray(cv2.pow(values.reshape(1, -1), exponent), dtype=values.dtype).reshape(values.shape)


def _decode(encoded: NDArray[Real]) -> NDArray[Real]:
    return np.where(encoded <= 0.04045, encoded / 12.92, power((encoded + 0.055) / 1.055, 2.4))


def _encode(linear: NDArray[Real]) -> NDArray[Real]:
    # The bound changes nothing that is kept; OpenCV's logarithm of zero is slow.
    curve = power(np.maximum(linear, 0.0031308), 1 / 2.4) * 1.055 - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, curve)


def _look_up(table: NDArray[np.float32], places: NDArray[Real]) -> NDArray[np.float32]:
    """The entries nearest to places in [0, 1], which are overwritten."""
    places *= STEPS
    places += 0.5
    # Only NaN could be outside, and clipping is faster than the test.
    found: NDArray[np.float32] = table.take(places.astype(np.intp), mode="clip")
    return found


@cache
def _linear_table() -> NDArray[np.float32]:
    return _decode(np.arange(STEPS + 1) / STEPS).astype(np.float32)


@cache
def _encoded_table() -> NDArray[np.float32]:
    return _encode((np.arange(STEPS + 1) / STEPS) ** 2).astype(np.float32)
