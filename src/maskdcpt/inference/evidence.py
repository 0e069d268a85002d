"""What a network shows of an image that tells whether it is damaged, and in a way that the network knows.

What this costs has a limit: of a large image four parts are looked at, at full resolution, because damage that is fine
vanishes when an image is scaled down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

SIDE = 256
"""Side of a part, in pixels."""

PARTS = 4
"""Parts of an image of more pixels than they have together; smaller images are looked at as a whole."""


class Look(NamedTuple):
    """One part of an image, or the whole, as the network sees it. Double precision, on the CPU."""

    logits: Tensor
    """One a type of damage (classes,)."""
    change: Tensor
    """Mean square of what restoring changes, values being in [0, 1] ()."""
    pooled: Tensor
    """Mean and standard deviation of each channel of each stage that the classifier reads (channels,)."""


class Evidence(NamedTuple):
    """What is known of an image."""

    types: Mapping[str, float]
    """Types of damage and their probabilities, best first."""
    change: float
    """Root of the mean square of what restoring changes, values being in [0, 1]."""
    pooled: Tensor
    """Mean over the parts of what ``Look`` has."""


def parts(pixels: Tensor) -> list[Tensor]:
    """What is looked at of an image (3, H, W): the whole, or the middles of its quarters."""
    height, width = pixels.shape[-2:]
    if height * width <= PARTS * SIDE * SIDE:
        return [pixels]
    rows, columns = _starts(height), _starts(width)
    return [pixels[:, row : row + SIDE, column : column + SIDE] for row in rows for column in columns]


def look(image: Tensor, restored: Tensor, features: Sequence[Tensor], logits: Tensor) -> Look:
    """Keeps what tells something.

    Args:
        image: One image (1, 3, H, W).
        restored: The same restored.
        features: The features that the classifier read, (1, C, H, W) each.
        logits: What it said (1, classes).
    """
    change = (restored.clamp(0, 1) - image).square().mean()
    pooled = torch.cat(
        [part for each in features for part in (each[0].mean((1, 2)), each[0].flatten(1).std(1, correction=0))]
    )
    return Look(logits[0].double().cpu(), change.double().cpu(), pooled.double().cpu())


def _starts(extent: int) -> list[int]:
    if extent <= SIDE:
        return [0]
    quarter = (extent - 2 * SIDE) / 4  # negative where parts overlap
    return [max(0, round(quarter)), min(extent - SIDE, round(extent - SIDE - quarter))]
