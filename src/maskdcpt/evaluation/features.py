"""What a network computes of images before its head, as rows of numbers that classifiers can read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.backbones import Backbone
from maskdcpt.devices import move
from maskdcpt.errors import UserError
from maskdcpt.inference.memory import free_memory
from maskdcpt.masking import EVERYTHING, GatheredView, VisibleMask

Kind: TypeAlias = Literal["last", "pooled"]
"""``last``: all of the head's input, as the paper reads it. ``pooled``: means and standard deviations of every stage.
Under a mask both are of the visible patches alone; the last features stand patch after patch then."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Numbers: TypeAlias = NDArray[np.float64]

Indices: TypeAlias = NDArray[np.int64]

BATCH = 10
"""Images that a network computes at a time."""

COLUMNS = 2**16
"""Columns of features whose products are summed in single precision, before the sums are added in double."""


class Reading(NamedTuple):
    """What was read from N images; None for a kind that was not asked for."""

    last: Numbers | None
    """Squared Euclidean distances between the flattened inputs of the head, (N, N)."""
    pooled: Numbers | None
    """Means over the visible positions of each channel of each stage, and as many standard deviations (N, D)."""


def read(
    network: Backbone,
    images: Tensor,
    visible: Tensor | None,
    kinds: tuple[Kind, ...],
    device: torch.device,
    advance: Callable[[int], object] = lambda _: None,
) -> Reading:
    """Reads the features of images.

    Args:
        network: The network; it is moved to the device and set to evaluation mode.
        images: (N, 3, H, W) in [0, 1].
        visible: What each may show, as ``VisibleMask.visible`` (N, 1, h, w); None for everything.
        kinds: What to read.
        device: Where to compute.
        advance: Called with the number of images of each batch that is done.

    Raises:
        UserError: If features are not finite, the mask does not fit or shows more of one image than of another, or all
            last features would not fit into memory.
    """
    move(network.eval(), device)
    last: Tensor | None = None
    pooled: list[Tensor] = []
    for start in range(0, len(images), BATCH):
        mask = None if visible is None else VisibleMask(visible[start : start + BATCH].to(device))
        stages, flat = _visible_features(network, images[start : start + BATCH].to(device), mask)
        if "last" in kinds:
            if last is None:
                _require_memory(len(images), flat.shape[1])
                last = torch.empty(len(images), flat.shape[1])
            last[start : start + len(flat)] = flat
        if "pooled" in kinds:
            pooled.append(pool(stages).double().cpu())
        advance(len(flat))
    return Reading(
        last=None if last is None else squared_distances(last),
        pooled=torch.cat(pooled).numpy() if pooled else None,
    )


@torch.inference_mode()
def _visible_features(network: Backbone, images: Tensor, mask: VisibleMask | None) -> tuple[list[Tensor], Tensor]:
    """The stages without their hidden positions, each (N, C, any, any), and the flattened input of the head (N, D)."""
    features = network.forward_features(images.contiguous(memory_format=torch.channels_last), mask)
    if not features.last.isfinite().all():
        raise UserError("the features are not finite; the weights are damaged, or training has diverged")
    view = EVERYTHING if mask is None else GatheredView(mask)
    return [view.enter(stage) for stage in features.stages], view.enter(features.last).flatten(1)


@torch.inference_mode()
def pool(stages: list[Tensor]) -> Tensor:
    """Means of each channel and then standard deviations, (N, 2 x all channels), from feature maps (N, C, H, W)."""
    moments = [torch.std_mean(stage, dim=(2, 3), correction=0) for stage in stages]
    return torch.cat([*(mean for _, mean in moments), *(deviation for deviation, _ in moments)], 1)


def squared_distances(rows: Tensor) -> Numbers:
    """Squared Euclidean distances between rows (N, D), as (N, N). The rows are overwritten.

    All that neighbours need to know of a million numbers an image; it is computed from products of rows about their
    mean, which keeps the small differences between large numbers.
    """
    rows -= rows.mean(0)
    products = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for part in torch.split(rows, COLUMNS, dim=1):
        products += part @ part.T
    norms = products.diagonal()
    distances: Numbers = (norms[:, None] + norms - 2 * products).clamp_(min=0).fill_diagonal_(0).numpy()
    return distances


def _require_memory(images: int, numbers: int) -> None:
    needed, free = 4 * images * numbers, free_memory(torch.device("cpu"))
    if needed > free / 2:
        raise UserError(
            f"the last features of {images} images take {needed / 2**30:.1f} GiB, more than half of the "
            f"{free / 2**30:.1f} that are free; pooled features (--features pooled), fewer --samples or a smaller "
            "--crop need less"
        )
