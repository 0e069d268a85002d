"""Between encoded values and light: the sRGB transfer functions (IEC 61966-2-1)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from maskdcpt.degradations.base import Pixels

STEPS = 255 * 1028
"""Intervals of the tables: every value of an 8-bit picture has an entry of its own, and nothing is off by more than
5e-6, for a third of the time that the formulas take."""


def to_linear(encoded: Pixels) -> Pixels:
    """The light of sRGB values, clipped to [0, 1]."""
    return _look_up(_linear_table(), np.clip(encoded, 0, 1))


def to_encoded(linear: Pixels) -> Pixels:
    """The sRGB values of light, clipped to [0, 1]."""
    linear = np.clip(linear, 0, 1)
    # Over the root of the light the curve is nowhere steep, unlike over the light.
    return _look_up(_encoded_table(), np.sqrt(linear, out=linear))


def decode(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light of sRGB values in [0, 1] by the formula: exact, and slow."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encode(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sRGB values of light in [0, 1] by the formula: exact, and slow."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _look_up(table: Pixels, places: Pixels) -> Pixels:
    """The entries nearest to places in [0, 1], which are overwritten."""
    places *= STEPS
    places += 0.5
    # Only NaN could be outside, and clipping is faster than the test.
    found: Pixels = table.take(places.astype(np.intp), mode="clip")
    return found


@cache
def _linear_table() -> Pixels:
    return decode(np.arange(STEPS + 1) / STEPS).astype(np.float32)


@cache
def _encoded_table() -> Pixels:
    return encode((np.arange(STEPS + 1) / STEPS) ** 2).astype(np.float32)
