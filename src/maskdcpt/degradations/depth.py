"""How far away things are, in pictures that do not say."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Pixels
from maskdcpt.degradations.exact import exp


def synthesise_depth(height: int, width: int, rng: Generator) -> Pixels:
    """A plausible depth for a picture of which nothing is known.

    A ground plane in perspective runs from the feet of the camera to a random, slightly tilted horizon, above which
    stands a backdrop; smooth relief over all of it stands for what rises from the ground.

    Args:
        height: Rows.
        width: Columns.
        rng: Draws horizon, tilt, distances and relief.

    Returns:
        Distance in metres, (H, W), between about 1 and 30: short enough for heavy haze to leave the foreground.
    """
    horizon, tilt = rng.uniform(0.1, 0.6), rng.normal(0, 0.06)
    near, far = rng.uniform(1.5, 3), rng.uniform(8, 14)
    down = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    across = (np.arange(width, dtype=np.float32) + 0.5) / width - 0.5
    below = (down - horizon + tilt * across) / (1 - horizon)
    # Nearness grows evenly down the plane; the root rounds the corner between plane and backdrop.
    plane = (below + np.sqrt(below**2 + 0.01)) / 2
    nearness = 1 / far + (1 / near - 1 / far) * plane
    hills = rng.normal(0, 0.15, size=(5, 5))
    relief = cv2.resize(hills, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width)
    return np.divide(exp(relief.astype(np.float32)), nearness, dtype=np.float32)
