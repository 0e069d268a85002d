"""Feature maps as matrices of one row a position; free of copies when they are channels-last."""

from __future__ import annotations

from torch import Tensor


def to_rows(x: Tensor) -> Tensor:
    """From (N, C, H, W) to (N H W, C)."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def from_rows(rows: Tensor, height: int, width: int) -> Tensor:
    """The inverse of ``to_rows`` for feature maps of a size, (N, C, H, W)."""
    return rows.reshape(-1, height, width, rows.shape[-1]).permute(0, 3, 1, 2)
