"""Arithmetic and weights, counted without computing anything."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@torch.no_grad()
def count_flops(build: Callable[[], Callable[[Tensor], object]], images: int, height: int, width: int) -> int:
    """Floating-point operations of a pass forward, attention included: two for each multiplication with an addition.

    Args:
        build: Makes the network; what it makes takes no memory.
        images: Number of images.
        height: Of each, in pixels.
        width: Of each, in pixels.
    """
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        build()(torch.rand(images, 3, height, width).to(memory_format=torch.channels_last))
    return int(counter.get_total_flops())


def count_parameters(network: nn.Module) -> int:
    """Weights of a network, those that are frozen among them."""
    return sum(parameter.numel() for parameter in network.parameters())
