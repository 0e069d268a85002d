"""PIQE: how distorted an image looks, without a reference and without anything learnt.

Venkatanath, Praneeth, Chandrasekhar, Channappayya and Medasani, "Blind image quality evaluation using perception based
features", National Conference on Communications (NCC), 2015.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.metrics.inputs import check_image, prepare
from maskdcpt.metrics.windows import gaussian_means

BLOCK = 16
"""Side of the blocks in pixels."""
SEGMENT = 6
"""Length of the pieces of a block's edges, in pixels."""
ACTIVE = 0.1
"""Variance of normalised luma above which the eye notices a block."""
FLAT = 0.1
"""Standard deviation of normalised luma below which a piece of an edge is suspiciously flat."""
_WINDOW, _SIGMA = 7, 7 / 6
_CENTRE = BLOCK // 2 - 1
"""The first of the two columns in the middle of a block."""


def piqe(restored: Tensor, *, variant: Literal["paper", "port"] = "paper") -> Tensor:
    """Perception based image quality evaluator, from 0 (nothing looks distorted) to 100.

    Luma of the eight-bit image, (0.299 R + 0.587 G + 0.114 B) rounded to whole steps, is normalised by its local mean
    and deviation, (Y - mean) / (deviation + 1), under a Gaussian window of 7 x 7 pixels with standard deviation 7/6. In
    each block of 16 x 16 pixels where the variance v of the outcome is above 0.1, two things count as distortion:

    - artefacts, by 1 - v: a piece of 6 pixels of one of its four edges has a standard deviation below 0.1;
    - noise, by v: sqrt(v) > 2 |sqrt(v) - r| / max(sqrt(v), r), with r the standard deviation of its two middle columns
      over that of its others.

    With the sum D of what these n blocks count, the result is 100 (D + 1) / (n + 1). Deviations are those of samples,
    with n - 1. Images whose sides are no multiple of 16 are mirrored at the right and at the bottom until they are.

    Args:
        restored: (3, H, W) or (N, 3, H, W) in [0, 1], 16 pixels or more a side.
        variant: ``port`` repeats two deviations of the common Python package (pypiqe 1.2) from the paper: luma is
            stretched so that the brightest pixel of each image is white, and the columns that count as the others
            lack the 8th and 10th of the 16 instead of the 8th and 9th.

    Returns:
        One value an image, float64 () or (N,), lower is better. 100 for an image without a block that the eye
        notices, such as one that is constant: nothing can be said about it.

    Raises:
        UserError: If it is no image, holds values that are not numbers, or is smaller than a block.
    """
    image = check_image(restored, "restored image")
    if min(image.shape[-2:]) < BLOCK:
        raise UserError(
            f"PIQE needs images of {BLOCK} pixels or more a side, not {image.shape[-1]} x {image.shape[-2]}"
        )
    # Whole numbers until the division, so that no rounding error decides to which step a value goes.
    red, green, blue = (prepare(image, bits=8) * 255).round().unbind(-3)
    luma = ((299 * red + 587 * green + 114 * blue) / 1000).round()
    if variant == "port":
        luma = (255 * luma / luma.amax((-2, -1), keepdim=True).clamp(min=1)).round()
    blocks = _blocks(_normalise(_mirror(luma)))
    variance = blocks.var((-2, -1))
    active = variance > ACTIVE
    distortion = _flat_edge(blocks) * (1 - variance) + _noisy(blocks, variance, variant) * variance
    return 100 * ((distortion * active).sum(-1) + 1) / (active.sum(-1) + 1)


def _mirror(luma: Tensor) -> Tensor:
    """Mirrors the last rows and columns until both sides are multiples of a block."""
    for axis in (-2, -1):
        extent = luma.shape[axis]
        places = torch.arange(-(-extent // BLOCK) * BLOCK, device=luma.device)
        luma = luma.index_select(axis, torch.minimum(places, 2 * extent - 1 - places))
    return luma


def _normalise(luma: Tensor) -> Tensor:
    """Luma without its local mean and in units of its local deviation, both taken over repeated borders."""
    padded = luma
    for axis in (-2, -1):
        extent, reach = luma.shape[axis], _WINDOW // 2
        places = torch.arange(-reach, extent + reach, device=luma.device).clamp(0, extent - 1)
        padded = padded.index_select(axis, places)
    mean, square = gaussian_means(torch.stack((padded, padded * padded)), _WINDOW, _SIGMA)
    deviation = (square - mean * mean).clamp(min=0).sqrt()
    normalised: Tensor = (luma - mean) / (deviation + 1)
    return normalised


def _blocks(x: Tensor) -> Tensor:
    """Cuts (..., H, W) into blocks (..., blocks, 16, 16)."""
    cut: Tensor = x.unfold(-2, BLOCK, BLOCK).unfold(-2, BLOCK, BLOCK)
    return cut.flatten(-4, -3)


def _flat_edge(blocks: Tensor) -> Tensor:
    """Whether a piece of an edge of each block is flat."""
    edges = torch.stack((blocks[..., 0, :], blocks[..., -1, :], blocks[..., 0], blocks[..., -1]), -2)
    flat: Tensor = edges.unfold(-1, SEGMENT, 1).std(-1) < FLAT
    return flat.flatten(-2).any(-1)


def _noisy(blocks: Tensor, variance: Tensor, variant: str) -> Tensor:
    """Whether each block looks as if noise was all over it."""
    missing = {_CENTRE, _CENTRE + (2 if variant == "port" else 1)}
    others = [column for column in range(BLOCK) if column not in missing]
    centre = blocks[..., _CENTRE : _CENTRE + 2].flatten(-2).std(-1)
    surround = blocks[..., others].flatten(-2).std(-1)
    deviation = variance.sqrt()
    ratio = centre / surround
    # A block whose other columns are all alike has no ratio, and compares as not noisy.
    noisy: Tensor = deviation > 2 * (deviation - ratio).abs() / torch.maximum(deviation, ratio)
    return noisy
