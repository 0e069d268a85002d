"""Blocks in a row, the part that all networks are made of."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from maskdcpt.masking import EVERYTHING, View


class Stage(nn.Module):
    """Blocks one after the other at one resolution.

    Args:
        blocks: Modules that take a feature map and how to see it, and keep the shape.
    """

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.checkpointing = False
        """Whether training keeps only the inputs of blocks and computes the rest again when it is needed."""

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape; hidden positions are zero after every block."""
        for block in self.blocks:
            again = self.checkpointing and torch.is_grad_enabled()
            x = view.hide(checkpoint(block, x, view, use_reentrant=False) if again else block(x, view))
        return x
