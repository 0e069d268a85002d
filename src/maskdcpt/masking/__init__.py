"""Which patches of an image a network may see, and how its layers respect that."""

from maskdcpt.masking.convolution import halves
from maskdcpt.masking.layers import LayerNorm2d
from maskdcpt.masking.mask import STYLES, VisibleMask
from maskdcpt.masking.rows import from_rows, to_rows
from maskdcpt.masking.views import EVERYTHING, SHORTEST, GatheredView, Levels, View, ZeroedView, view_of

__all__ = [
    "EVERYTHING",
    "SHORTEST",
    "STYLES",
    "GatheredView",
    "LayerNorm2d",
    "Levels",
    "View",
    "VisibleMask",
    "ZeroedView",
    "from_rows",
    "halves",
    "to_rows",
    "view_of",
]
