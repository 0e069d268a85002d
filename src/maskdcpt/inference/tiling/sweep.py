"""Running a function over all tiles of an image until every question among them is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TypeAlias

from torch import Tensor, device

from maskdcpt.allocator import give_back_freed_memory
from maskdcpt.inference.tiling.geometry import Box, Tile, divide, weights
from maskdcpt.inference.tiling.ledger import Ledger, Unanswered, new_canvas
from maskdcpt.inference.tiling.views import TileView
from maskdcpt.masking import View
from maskdcpt.shortage import ran_out

Tick: TypeAlias = Callable[[float], None]
"""Is told how much of an image has been gone over since it was told before."""


def no_tick(share: float) -> None:
    """Tells nobody."""


class Tiler:
    """Divides the work on one image.

    Args:
        size: Height and width of the image in pixels, multiples of the network's stride.
        align: Multiple of pixels on which edges between tiles lie.
        place: Device that computes.
        side: Side of tiles in pixels; 0 to choose it for each part, by ``values``.
        values: How many values the inputs of a part may have in the tiles that are worked on at once.
        room: How many pixels such tiles may have, margins included; a single tile may have more.
        tick: Is told of the tiles what part of the image they are.
    """

    def __init__(
        self,
        size: tuple[int, int],
        align: int,
        place: device,
        side: int,
        values: int = 0,
        room: int = 0,
        tick: Tick = no_tick,
    ) -> None:
        self.size, self.align, self.place = size, align, place
        self.halvings = 0
        """How often the side of tiles had to be halved because memory ran out."""
        self._side, self._values, self._room, self._tick = side, values, room, tick

    def part(self, function: Callable[..., Tensor], inputs: Sequence[Tensor], reach: int, wraps: bool) -> Tensor:
        """Computes a part of a network for the whole image; arguments as for ``View.part``."""
        strides = [self._stride(x) for x in inputs]
        dense = sum(x.shape[1] / stride**2 for x, stride in zip(inputs, strides, strict=True))
        pixels = int(self._values / dense)
        side = self._side or int(pixels**0.5)
        # A multiple of two positions, since a step down joins two; windows lie on multiples of the network's stride.
        unit = self.align if wraps else 2 * max(strides)
        margin = -(-reach * min(strides) // unit) * unit
        result = self.sweep(function, inputs, side, margin, room=pixels, wraps=wraps)
        if result is None:
            raise RuntimeError("a part of a network has no result")
        return result

    def sweep(
        self,
        function: Callable[..., Tensor | None],
        inputs: Sequence[Tensor],
        side: int,
        margin: int,
        *,
        room: float = inf,
        wraps: bool = False,
        feather: int = 0,
        below: tuple[int, View] | None = None,
    ) -> Tensor | None:
        """Runs a function on every tile, as often as its questions ask for; on several of one shape at once.

        Where memory does not suffice for several tiles, they are worked on one by one from then on. A single one is
        divided into quarters, and so are those that follow; what other tiles have contributed stays.

        Args:
            function: Takes the inputs' parts in tiles, as batches, and their view; gives the tiles' feature maps, or
                None.
            inputs: Feature maps of the whole image (1, C, H, W), of any stride.
            side: Longest side of a tile in pixels, without its margin.
            margin: Pixels around a tile that the function sees.
            room: Pixels of several tiles at once, margins included, where the tiler's own bound is not enough.
            wraps: Whether the margin goes on at the image's opposite border.
            feather: How far neighbours are blended on each side of an edge, in pixels.
            below: As for ``TileView``.

        Returns:
            The feature map of the whole image, in the memory of the machine; None if the function gives none.

        Raises:
            RuntimeError: What the device raises if memory does not suffice for the smallest tile.
        """
        divided = divide(self.size, max(side >> self.halvings, 2 * feather), self.align)
        tiles = [self._tile(own, margin, wraps) for own in divided]
        ledger = Ledger()
        canvas = _Canvas(self.size, feather)
        while True:
            waiting, tiles = _by_shape(tiles)[::-1], []
            while waiting:
                batch = _take(waiting, min(room, self._room))
                view = TileView(batch, self.size, ledger, below)
                try:
                    result = function(*(view.cut(x).to(self.place) for x in inputs), view)
                except Unanswered:
                    pass
                except (RuntimeError, MemoryError) as error:
                    quarters = batch[0].own.quarters(self.align, 2 * feather)
                    if not ran_out(error) or len(batch) == len(quarters) == 1:
                        raise
                    if len(batch) > 1:
                        self._room = 0
                        give_back_freed_memory()
                        waiting += batch[::-1]
                    else:
                        self._halve(batch[0].own, side)
                        waiting += [self._tile(own, margin, wraps) for own in quarters[::-1]]
                    continue
                else:
                    if result is not None:
                        canvas.write(result, view)
                tiles += batch
                self._tick(sum(tile.own.area for tile in batch) / (self.size[0] * self.size[1]))
            if not ledger.settle():
                return canvas.values

    def _tile(self, own: Box, margin: int, wraps: bool) -> Tile:
        return Tile(own, own.wrapped(margin, self.size) if wraps else own.grown(margin, self.size))

    def _halve(self, own: Box, side: int) -> None:
        longest = max(own.bottom - own.top, own.right - own.left)
        while side >> self.halvings >= longest > 1:
            self.halvings += 1
        give_back_freed_memory()

    def _stride(self, x: Tensor) -> int:
        return self.size[0] // x.shape[-2]


def _by_shape(tiles: list[Tile]) -> list[Tile]:
    """Those of one shape after one another, in the order in which the shapes come first."""
    shapes = dict.fromkeys(tile.shape for tile in tiles)
    return [tile for shape in shapes for tile in tiles if tile.shape == shape]


def _take(waiting: list[Tile], room: float) -> list[Tile]:
    """Takes tiles of one shape from the end: one, and more while there is room for all of them together."""
    batch = [waiting.pop()]
    pixels = batch[0].region.area
    while waiting and waiting[-1].shape == batch[0].shape and pixels * (len(batch) + 1) <= room:
        batch.append(waiting.pop())
    return batch


class _Canvas:
    """The result for the whole image, put together from tiles."""

    def __init__(self, size: tuple[int, int], feather: int) -> None:
        self.values: Tensor | None = None
        self._size, self._feather = size, feather

    def write(self, results: Tensor, view: TileView) -> None:
        """Writes the feature maps (N, C, h, w) of the view's tiles."""
        stride = view.stride(results)
        if self.values is None:
            self.values = new_canvas(results, view.size(results))
            if self._feather:
                self.values.zero_()
        for tile, result in zip(view.tiles, results if self._feather else view.own(results), strict=True):
            if not self._feather:
                tile.own.at(stride).crop(self.values).copy_(result[None])
                continue
            around = tile.own.grown(self._feather, self._size)
            share = weights(tile.own, self._feather, self._size).to(result)
            seen = around.within(tile.region).crop(result)
            around.crop(self.values).add_((seen * share).to(self.values.device))
