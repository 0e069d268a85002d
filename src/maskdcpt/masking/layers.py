"""Layers that networks share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of each position, affine, biased variance.

    Each position is normalised on its own, so hidden ones need no care. The statistics are taken in float32 at
    least, which keeps half precision safe.

    Args:
        channels: Number of channels.
        eps: Added to the variance.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalises (N, C, H, W)."""
        rows = x.permute(0, 2, 3, 1)  # (N, H, W, C); free of copies when x is channels-last
        y = F.layer_norm(rows, (x.shape[1],), self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)
