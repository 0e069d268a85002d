"""Blocks in a row, the part that all networks are made of."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from maskdcpt.masking import VisibleMask


class Stage(nn.Module):
    """Blocks one after the other at one resolution.

    Args:
        blocks: Modules that take a feature map and the mask, and keep the shape.
    """

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, mask: VisibleMask | None = None) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        for block in self.blocks:
            x = block(x, mask)
        return x
