"""What a network shows of an image that tells whether it is damaged, and in a way that the network knows.

What this costs has a limit: of a large image four parts are looked at, at full resolution, because fine damage vanishes
when an image is scaled down.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import log10
from typing import NamedTuple

from torch import Tensor

SIDE = 256
"""Side of a part, in pixels."""

PARTS = 4
"""Parts of an image of more pixels than they have together; smaller images are looked at as a whole."""

SMALLEST_CHANGE = 1e-4
"""Changes below this, a fortieth of a step of eight bits, count as this, so that their logarithm stays finite."""


class Evidence(NamedTuple):
    """What is known of an image; of several parts the means."""

    types: Mapping[str, float]
    """Types of damage and their probabilities, best first."""
    logits: tuple[float, ...]
    """What the probabilities were made from, in the order of the classes."""
    change: float
    """Root of the mean square of what restoring changes, values being in [0, 1]."""

    @property
    def vector(self) -> tuple[float, ...]:
        """What verdicts are made from: the logarithm of the change, and the logits."""
        return log10(max(self.change, SMALLEST_CHANGE)), *self.logits


def parts(pixels: Tensor) -> list[Tensor]:
    """What is looked at of an image (3, H, W): the whole, or the middles of its quarters."""
    height, width = pixels.shape[-2:]
    if height * width <= PARTS * SIDE * SIDE:
        return [pixels]
    return [
        pixels[:, row : row + SIDE, column : column + SIDE] for row, column in product(_starts(height), _starts(width))
    ]


def _starts(extent: int) -> list[int]:
    if extent <= SIDE:
        return [0]
    return [max(0, extent // 4 - SIDE // 2), min(extent - SIDE, extent - extent // 4 - SIDE // 2)]
