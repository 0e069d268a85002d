"""Where tiles lie: boxes of pixels, how an image is divided into them, and how neighbours are blended."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor


class Box(NamedTuple):
    """A rectangle of pixels; bottom and right lie outside of it."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Its number of pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    def at(self, stride: int) -> Box:
        """The same rectangle in positions of a feature map."""
        return Box(*(side // stride for side in self))

    def grown(self, margin: int, size: tuple[int, int]) -> Box:
        """With a margin around it, as far as the image reaches."""
        return Box(
            max(0, self.top - margin),
            max(0, self.left - margin),
            min(size[0], self.bottom + margin),
            min(size[1], self.right + margin),
        )

    def wrapped(self, margin: int, size: tuple[int, int]) -> Box:
        """With a margin around it that goes on at the opposite border; none along an axis that it fills."""
        down = margin if self.bottom - self.top < size[0] else 0
        across = margin if self.right - self.left < size[1] else 0
        return Box(self.top - down, self.left - across, self.bottom + down, self.right + across)

    def within(self, outer: Box) -> Box:
        """In the coordinates of a box around it."""
        return Box(self.top - outer.top, self.left - outer.left, self.bottom - outer.top, self.right - outer.left)

    def crop(self, x: Tensor) -> Tensor:
        """What lies in the box of maps (..., H, W); where it leaves them, they go on at the opposite border."""
        for axis, start, stop in ((-2, self.top, self.bottom), (-1, self.left, self.right)):
            if start < 0 or stop > x.shape[axis]:
                x = x.index_select(axis, torch.arange(start, stop, device=x.device) % x.shape[axis])
            else:
                x = x.narrow(axis, start, stop - start)
        return x

    def quarters(self, align: int, least: int = 1) -> list[Box]:
        """Divided once along each axis, where it is at least two units long; one box if along none.

        Args:
            align: Pixels of a unit; all new edges lie on multiples of it.
            least: Shortest side in pixels that dividing may give.
        """
        rows, columns = (
            list(pairwise(_halved(start, stop, align, least)))
            for start, stop in ((self.top, self.bottom), (self.left, self.right))
        )
        return [Box(top, left, bottom, right) for top, bottom in rows for left, right in columns]


class Tile(NamedTuple):
    """A part of an image that is worked on by itself."""

    own: Box
    """The pixels that it answers for; those of all tiles together are the image."""
    region: Box
    """The same with a margin around it, which it sees."""

    @property
    def shape(self) -> tuple[int, int, Box]:
        """Height and width of what it sees, and where its own pixels lie in that."""
        return self.height, self.width, self.own.within(self.region)

    @property
    def height(self) -> int:
        """Of what it sees, in pixels."""
        return self.region.bottom - self.region.top

    @property
    def width(self) -> int:
        """Of what it sees, in pixels."""
        return self.region.right - self.region.left


def divide(size: tuple[int, int], side: int, align: int) -> list[Box]:
    """Divides an image into boxes of nearly the same size, row by row.

    Args:
        size: Height and width in pixels.
        side: Longest side of a box; at least one unit is taken.
        align: Pixels of a unit; all edges but the image's own lie on multiples of it.
    """
    rows, columns = (_edges(extent, max(1, side // align), align) for extent in size)
    return [Box(top, left, bottom, right) for top, bottom in pairwise(rows) for left, right in pairwise(columns)]


def _halved(start: int, stop: int, align: int, least: int) -> tuple[int, ...]:
    middle = start + (stop - start) // (2 * align) * align
    return (start, middle, stop) if min(middle - start, stop - middle) >= max(1, least) else (start, stop)


def _edges(extent: int, longest: int, align: int) -> list[int]:
    units = -(-extent // align)
    count = -(-units // longest)
    return [*(index * units // count * align for index in range(count)), extent]


def weights(own: Box, margin: int, size: tuple[int, int]) -> Tensor:
    """How much of a tile's result counts in and around its box, (height, width) with the margin, float32.

    Over each edge between tiles the weight falls linearly from 1 to 0 within twice the margin, while that of the
    neighbour rises; together they are 1 everywhere, also where a box has been divided into quarters.

    Args:
        own: The box; no smaller than twice the margin.
        margin: How far the weight reaches beyond an edge, in pixels; borders of the image have none.
        size: Height and width of the image.
    """
    rows = _ramp(own.top, own.bottom, margin, size[0])
    return rows[:, None] * _ramp(own.left, own.right, margin, size[1])


def _ramp(start: int, stop: int, margin: int, extent: int) -> Tensor:
    first, last = max(0, start - margin), min(extent, stop + margin)
    centres = torch.arange(first, last) + 0.5
    rise = torch.ones_like(centres) if start == 0 else (centres - start) / (2 * margin) + 0.5
    fall = torch.ones_like(centres) if stop == extent else (stop - centres) / (2 * margin) + 0.5
    return rise.clamp(0, 1) * fall.clamp(0, 1)
