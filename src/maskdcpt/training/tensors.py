"""Parameters that may be spread over processes: seen whole, seen locally, and filled from what was whole."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def whole(tensor: Tensor) -> Tensor:
    """The whole of a tensor of which each process holds a part; every process has to call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def local(tensor: Tensor) -> Tensor:
    """The part that this process holds; changing it in place changes the tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def fill(target: Tensor, source: Tensor) -> Tensor:
    """Puts a whole tensor, the same in every process, into one that may be spread over processes, and returns that.

    Whatever the memory layout of the source, the target keeps its own.
    """
    source = source.to(target.device)
    if isinstance(target, DTensor):
        source = distribute_tensor(source, target.device_mesh, target.placements, src_data_rank=None)
    return target.copy_(source)
