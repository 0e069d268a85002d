"""From colours in memory to the samples that a format holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskdcpt.images.formats import Format
from maskdcpt.images.forms import LUMA
from maskdcpt.images.raster import Raster, Samples, largest

_TYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16), 32: np.dtype(np.float32)}
_BITS = {8: "8-bit", 16: "16-bit", 32: "floating point"}
_PIXELS_AT_ONCE = 1 << 20  # in double precision these take 24 MB


def to_samples(colours: Tensor, like: Raster, target: Format, depth: int | None, notes: list[str]) -> Raster:
    """The samples of a frame, with the number of channels and bits of another where the format has room for them.

    Args:
        colours: (3, H, W), 1 for white; any finite values.
        like: The frame whose channels, opacity, depth and duration are wanted.
        target: The format.
        depth: Bits of a sample; None for those of ``like``, or the nearest that the format has.
        notes: Gets what has been lost.
    """
    bits = depth or _nearest_depth(like.depth, target)
    if bits < like.depth:
        notes.append(f"{_BITS[like.depth]} reduced to {_BITS[bits]}")
    grey = (like.grey and target.grey) or not target.rgb
    if grey and not like.grey:
        notes.append(f"colours reduced to grey, for {target.title} holds nothing else")
    samples = _to_array(colours, _TYPES[bits], grey, notes)
    if like.has_alpha and target.alpha:
        opacity = _rescaled(like.samples[..., -1:], _TYPES[bits])
        samples = np.concatenate([samples, opacity], axis=2)
    elif like.has_alpha:
        notes.append(f"alpha channel dropped, for {target.title} has no place for it")
    return Raster(samples, like.duration)


def _nearest_depth(depth: int, target: Format) -> int:
    below = [each for each in target.depths if each <= depth]
    return max(below) if below else min(target.depths)


def _to_array(colours: Tensor, dtype: np.dtype[Any], grey: bool, notes: list[str]) -> Samples:
    height, width = colours.shape[1:]
    samples = np.empty((height, width, 1 if grey else 3), dtype)
    most = largest(dtype)
    rows = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, rows):
        values = colours[:, top : top + rows].double()
        weights = values.new_tensor(LUMA)
        values = torch.einsum("c,chw->hw", weights, values)[..., None] if grey else values.permute(1, 2, 0)
        if dtype.kind == "u":
            low, high = (bound.item() for bound in values.aminmax())
            if low < -1 / most or high > 1 + 1 / most:
                notes.append("values outside [0, 1] clipped")
            values = (values * most).clamp(0, most).round()
        samples[top : top + rows] = values.numpy()
    return samples


def _rescaled(samples: Samples, dtype: np.dtype[Any]) -> Samples:
    if samples.dtype == dtype:
        return samples
    values = samples.astype(np.float64) * (largest(dtype) / largest(samples.dtype))
    if dtype.kind == "u":
        values = values.clip(0, largest(dtype)).round()
    return values.astype(dtype)
