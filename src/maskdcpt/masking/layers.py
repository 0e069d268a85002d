"""Layers that are ordinary without a mask and blind to hidden positions with one; the parameters are the same."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.masking.mask import VisibleMask


def hide(x: Tensor, mask: VisibleMask | None) -> Tensor:
    """Sets the hidden positions of a feature map to zero, whatever stood there, NaN included.

    Args:
        x: Feature map (N, C, H, W).
        mask: The mask, or None for no change.
    """
    if mask is None:
        return x
    return torch.where(mask.at((x.shape[-2], x.shape[-1])), x, 0.0)


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of each position, affine, biased variance.

    Each position is normalised on its own, so a mask has only to clear what the bias puts into hidden ones. The
    statistics are taken in float32 whatever the input's type, which keeps half precision safe.

    Args:
        channels: Number of channels.
        eps: Added to the variance.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor, mask: VisibleMask | None = None) -> Tensor:
        """Normalises (N, C, H, W)."""
        rows = x.permute(0, 2, 3, 1)  # (N, H, W, C); free of copies when x is channels-last
        y = F.layer_norm(rows, (x.shape[1],), self.weight, self.bias, self.eps)
        return hide(y.permute(0, 3, 1, 2), mask)


class VisibleMean(nn.Module):
    """Mean over the visible positions, (N, C, H, W) to (N, C, 1, 1).

    Dividing by the number of visible positions keeps the statistics of pre-training (half the patches hidden) at
    the strength they have in fine-tuning (none hidden).
    """

    def forward(self, x: Tensor, mask: VisibleMask | None = None) -> Tensor:
        """Averages a feature map whose hidden positions may hold anything."""
        if mask is None:
            return x.mean((2, 3), keepdim=True)
        count = mask.at((x.shape[-2], x.shape[-1])).sum((2, 3), keepdim=True)
        return hide(x, mask).sum((2, 3), keepdim=True) / count
