"""The colour filters in front of a sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.eight_bit import to_bytes, to_floats
from maskdcpt.degradations.parameters import choice

Numbers = TypeVar("Numbers", bound=np.generic)

PHASES = ("rggb", "grbg", "gbrg", "bggr")
"""The Bayer patterns, each named by the colours of its first two rows of two sites."""

_SUFFIX = {"edge_aware": "_EA", "bilinear": ""}
_MARGIN = 2


@dataclass(frozen=True)
class Mosaic(Level):
    """A picture of which a sensor saw one colour in each place.

    Bayer's pattern of colour filters (US patent 3971065, 1976) keeps a third of the values; the rest is demosaiced by
    OpenCV, along edges where it is ``edge_aware``. Values are rounded to 8 bit first, and nothing is random. OpenCV
    leaves out the pixels at the border; they are demosaiced like all others here, from a mirrored border.
    """

    type_name: ClassVar[str] = "mosaic"
    title: ClassVar[str] = "Mosaic"

    phase: str = choice(*PHASES)
    """Colours of the sites at the top left: the first row's two, then the second row's."""

    demosaic: str = choice("edge_aware", "bilinear")
    """How missing values are found."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Samples and demosaics."""
        _, height, width = image.shape
        plane = bayer_mosaic(widen(to_bytes(image)), self.phase)
        return to_floats(demosaic(plane, self.phase, self.demosaic))[:, :height, :width]


def widen(image: NDArray[Numbers]) -> NDArray[Numbers]:
    """Doubles the only row or column of a picture (3, H, W) that has but one: a Bayer pattern needs two of each."""
    _, height, width = image.shape
    return image.repeat(1 + (height == 1), axis=1).repeat(1 + (width == 1), axis=2) if 1 in (height, width) else image


def sites(phase: str) -> tuple[tuple[int, int, int], ...]:
    """Where a Bayer pattern has which colour.

    Args:
        phase: One of ``PHASES``.

    Returns:
        Channel, first row and first column of the four kinds of site; both repeat every 2 pixels.
    """
    return tuple(("rgb".index(colour), index // 2, index % 2) for index, colour in enumerate(phase))


def bayer_mosaic(image: NDArray[Numbers], phase: str) -> NDArray[Numbers]:
    """What a sensor with a Bayer pattern keeps of a picture.

    Args:
        image: (3, H, W) of any type.
        phase: One of ``PHASES``.

    Returns:
        The value of each site in its own colour, (H, W).
    """
    plane = np.empty(image.shape[1:], dtype=image.dtype)
    for channel, row, column in sites(phase):
        plane[row::2, column::2] = image[channel, row::2, column::2]
    return plane


def demosaic(plane: NDArray[Any], phase: str, method: str) -> tuple[NDArray[Any], ...]:
    """Finds the two colours that each site of a Bayer pattern did not see, and keeps the one it saw.

    Args:
        plane: Values of the sites, (H, W), 2 x 2 or more, of 8 or 16 bits unsigned.
        phase: One of ``PHASES``.
        method: ``"edge_aware"`` or ``"bilinear"``.

    Returns:
        Red, green and blue, (H, W) each.
    """
    height, width = plane.shape
    # A mirror that does not repeat the edge keeps the pattern going.
    padded = cv2.copyMakeBorder(plane, *(_MARGIN,) * 4, borderType=cv2.BORDER_REFLECT_101)
    colours = cv2.cvtColor(padded, getattr(cv2, f"COLOR_Bayer{phase.upper()}2RGB{_SUFFIX[method]}"))
    return tuple(cv2.split(colours[_MARGIN : _MARGIN + height, _MARGIN : _MARGIN + width]))
