"""Between encoded values and light: the sRGB transfer functions."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from maskdcpt.degradations.base import Pixels

STEPS = 255 * 1028
"""Intervals of the tables below: every value of an 8-bit picture has an entry of its own, and to_linear and to_encoded
are off by less than 5e-6 anywhere, for a third of the time that the formulas take."""


def to_linear(encoded: Pixels) -> Pixels:
    """The light of sRGB values, clipped to [0, 1] (IEC 61966-2-1)."""
    return _look_up(_linear_table(), np.maximum(encoded, 0))


def to_encoded(linear: Pixels) -> Pixels:
    """The sRGB values of light, clipped to [0, 1] (IEC 61966-2-1)."""
    # Over the root of the light the curve is nowhere steep, unlike over the light.
    root = np.maximum(linear, 0)
    return _look_up(_encoded_table(), np.sqrt(root, out=root))


def power(values: Pixels, exponent: float) -> Pixels:
    """``values ** exponent`` for values of at least 0, several times as fast as NumPy."""
    # One long row, since OpenCV would take the last axis of a three-axis array for channels.
    return np.asarray(cv2.pow(values.reshape(1, -1), exponent), dtype=np.float32).reshape(values.shape)


def _look_up(table: Pixels, values: Pixels) -> Pixels:
    """The entries next to values of at least 0, which are overwritten; above 1 the last one."""
    values *= STEPS
    values += 0.5
    found: Pixels = table.take(values.astype(np.intp), mode="clip")
    return found


@cache
def _linear_table() -> Pixels:
    encoded = np.arange(STEPS + 1) / STEPS
    return _frozen(np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4))


@cache
def _encoded_table() -> Pixels:
    linear = (np.arange(STEPS + 1) / STEPS) ** 2
    return _frozen(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055))


def _frozen(table: NDArray[np.float64]) -> Pixels:
    small = table.astype(np.float32)
    small.flags.writeable = False
    return small
