"""Whether an exported network computes what the network does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskdcpt.data.procedural import procedural_image
from maskdcpt.errors import UserError
from maskdcpt.seeds import derive_seed

Outputs = tuple[Tensor, ...]
"""Restored images (N, 3, H, W) and, of weights with a classifier, probabilities (N, types)."""

TOLERANCE = 1e-3
"""Greatest difference, in values of [0, 1], that rounding in another order explains; a quarter of an 8-bit step."""

LARGE = 8
"""Sides of images reach to this many strides."""


@dataclass(frozen=True)
class Parity:
    """How near the two are on one batch."""

    size: tuple[int, int, int]
    """Images, height and width."""
    difference: float
    """Greatest absolute difference of any restored value."""
    psnr: float
    """Peak signal-to-noise ratio of one against the other in dB, for a peak of 1; infinite if they are equal."""
    probability: float | None
    """Greatest absolute difference of any probability of a type of damage; None without a classifier."""


def parity_sizes(stride: int, smallest: int, seed: int) -> tuple[tuple[int, int, int], ...]:
    """The batches that are compared: the smallest possible, a multiple of the stride, and three of any size.

    Args:
        stride: The network's stride in pixels.
        smallest: Shortest side that the exported network takes.
        seed: Decides about the sizes that are left open.

    Returns:
        Images, height and width of each.
    """
    rng = np.random.default_rng(derive_seed("export parity", seed))
    sides = rng.integers(smallest, LARGE * stride + 1, size=(3, 2)).tolist()
    drawn = [(images, height, width) for images, (height, width) in zip((1, 2, 3), sides, strict=True)]
    return (1, smallest, smallest), (1, 2 * stride, 3 * stride), *drawn


def compare(
    network: Callable[[Tensor], Outputs],
    exported: Callable[[Tensor], Outputs],
    sizes: tuple[tuple[int, int, int], ...],
    seed: int,
) -> tuple[Parity, ...]:
    """Runs both on generated pictures.

    Args:
        network: The network.
        exported: The exported one.
        sizes: Images, height and width of each batch.
        seed: Decides about the pictures.

    Raises:
        UserError: If they differ by more than ``TOLERANCE``, or one is not finite.
    """
    found = []
    for number, (images, height, width) in enumerate(sizes):
        seeds = [derive_seed("export parity", seed, number, image) for image in range(images)]
        batch = torch.stack([procedural_image(image, (height, width)) for image in seeds])
        expected, received = network(batch), exported(batch)
        differences = [a.double() - b.double() for a, b in zip(expected, received, strict=True)]
        worst = [difference.abs().max().item() for difference in differences]
        if not all(value <= TOLERANCE for value in worst):  # NaN is refused as well
            found_by = ", ".join(f"{value:.2g}" for value in worst)
            raise UserError(
                f"the exported network does not compute the same: on {images} x 3 x {height} x {width} pixels it "
                f"differs by {found_by}, and may by {TOLERANCE:g}; nothing was written"
            )
        squared = differences[0].square().mean().item()
        psnr = -10 * math.log10(squared) if squared else math.inf
        found.append(Parity((images, height, width), worst[0], psnr, worst[1] if len(worst) > 1 else None))
    return tuple(found)
