"""Which patches of an image a network may see, and layers that respect it."""

from maskdcpt.masking.layers import LayerNorm2d, VisibleMean, hide
from maskdcpt.masking.mask import VisibleMask

__all__ = ["LayerNorm2d", "VisibleMask", "VisibleMean", "hide"]
