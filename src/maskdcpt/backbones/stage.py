"""Blocks in a row, the part that all networks are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from maskdcpt.masking import EVERYTHING, View


class Block(nn.Module, ABC):
    """A part of a network that keeps the shape of its feature map."""

    reach: int
    """How many positions around a position its result depends on, but for sums over the whole image."""
    wraps: ClassVar[bool] = False
    """Whether it reaches across the image's opposite borders."""

    @abstractmethod
    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""


class Stage(nn.Module):
    """Blocks one after the other at one resolution.

    Args:
        blocks: What it is made of.
    """

    def __init__(self, blocks: Iterable[Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.checkpointing = False
        """Whether training keeps only the inputs of blocks and computes the rest again when it is needed."""

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape; hidden positions are zero after every block."""
        for block in cast(Iterable[Block], self.blocks):
            again = self.checkpointing and torch.is_grad_enabled()
            if again:
                x = view.hide(checkpoint(block, x, view, use_reentrant=False))
            else:
                x = view.hide(view.part(block, x, reach=block.reach, wraps=block.wraps))
        return x
