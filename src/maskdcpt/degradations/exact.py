"""Elementary functions in single precision that are the same on every machine.

Libraries choose their code by the processor, and the last bits of its results differ. Computed in double precision,
these bits lie far below those that rounding to single precision leaves.
"""

from __future__ import annotations

import cv2
import numpy as np

from maskdcpt.degradations.base import Pixels


def exp(values: Pixels) -> Pixels:
    """``e ** values``."""
    return np.exp(values, dtype=np.float64).astype(np.float32)


def log(values: Pixels) -> Pixels:
    """The natural logarithm of values above 0."""
    return np.log(values, dtype=np.float64).astype(np.float32)


def power(values: Pixels, exponent: float) -> Pixels:
    """``values ** exponent`` for values of at least 0; several times as fast as NumPy's."""
    # One long row, since OpenCV would take the last axis of a three-axis array for channels.
    row = cv2.pow(values.reshape(1, -1).astype(np.float64), exponent)
    return np.asarray(row, dtype=np.float32).reshape(values.shape)
