"""Running a function over all tiles of an image until every question among them is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor, device

from maskdcpt.allocator import give_back_freed_memory
from maskdcpt.inference.memory import ran_out
from maskdcpt.inference.tiling.geometry import Box, divide, weights
from maskdcpt.inference.tiling.ledger import Ledger, Unanswered, new_canvas
from maskdcpt.inference.tiling.views import TileView
from maskdcpt.masking import View

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
        values: How many values the inputs of a part may have in a tile.
        tick: Is told of each tile what part of the image it is.
    """

    def __init__(
        self, size: tuple[int, int], align: int, place: device, side: int, values: int, tick: Tick = no_tick
    ) -> None:
        self.size, self.align, self.place = size, align, place
        self.halvings = 0
        """How often the side of tiles had to be halved because memory ran out."""
        self._side, self._values, self._tick = side, values, tick

    def part(self, function: Callable[..., Tensor], inputs: Sequence[Tensor], reach: int, wraps: bool) -> Tensor:
        """Computes a part of a network for the whole image; arguments as for ``View.part``."""
        strides = [self._stride(x) for x in inputs]
        dense = sum(x.shape[1] / stride**2 for x, stride in zip(inputs, strides, strict=True))
        side = self._side or int((self._values / dense) ** 0.5)
        # A multiple of two positions, since a step down joins two; windows lie on multiples of the network's stride.
        unit = self.align if wraps else 2 * max(strides)
        margin = -(-reach * min(strides) // unit) * unit
        result = self.sweep(function, inputs, side, margin, wraps=wraps)
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
        wraps: bool = False,
        feather: int = 0,
        below: tuple[int, View] | None = None,
    ) -> Tensor | None:
        """Runs a function on every tile, as often as its questions ask for.

        A tile for which memory does not suffice is divided into quarters, and so are those that follow; what other
        tiles have contributed stays.

        Args:
            function: Takes the inputs' parts in a tile and its view; gives the tile's feature map, or None.
            inputs: Feature maps of the whole image (N, C, H, W), of any stride.
            side: Longest side of a tile in pixels, without its margin.
            margin: Pixels around a tile that the function sees.
            wraps: Whether the margin goes on at the image's opposite border.
            feather: How far neighbours are blended on each side of an edge, in pixels.
            below: As for ``TileView``.

        Returns:
            The feature map of the whole image, in the memory of the machine; None if the function gives none.

        Raises:
            RuntimeError: What the device raises if memory does not suffice for the smallest tile.
        """
        boxes = divide(self.size, max(side >> self.halvings, 2 * feather), self.align)
        ledger = Ledger()
        canvas = _Canvas(self.size, feather)
        while True:
            waiting, boxes = boxes[::-1], []
            while waiting:
                own = waiting.pop()
                region = own.wrapped(margin, self.size) if wraps else own.grown(margin, self.size)
                view = TileView(own, region, self.size, ledger, below)
                try:
                    result = function(*(view.cut(x).to(self.place) for x in inputs), view)
                except Unanswered:
                    pass
                except (RuntimeError, MemoryError) as error:
                    quarters = own.quarters(self.align, 2 * feather)
                    if not ran_out(error) or len(quarters) == 1:
                        raise
                    self._halve(own, side)
                    waiting += quarters[::-1]
                    continue
                else:
                    if result is not None:
                        canvas.write(result, own, view)
                boxes.append(own)
                self._tick((own.bottom - own.top) * (own.right - own.left) / (self.size[0] * self.size[1]))
            if not ledger.settle():
                return canvas.values

    def _halve(self, own: Box, side: int) -> None:
        longest = max(own.bottom - own.top, own.right - own.left)
        while side >> self.halvings >= longest > 1:
            self.halvings += 1
        give_back_freed_memory()

    def _stride(self, x: Tensor) -> int:
        return self.size[0] // x.shape[-2]


class _Canvas:
    """The result for the whole image, put together from tiles."""

    def __init__(self, size: tuple[int, int], feather: int) -> None:
        self.values: Tensor | None = None
        self._size, self._feather = size, feather

    def write(self, result: Tensor, own: Box, view: TileView) -> None:
        stride = view.stride(result)
        if self.values is None:
            self.values = new_canvas(result, view.size(result))
            if self._feather:
                self.values.zero_()
        if not self._feather:
            own.at(stride).crop(self.values).copy_(view.own(result))
            return
        around = own.grown(self._feather, self._size)
        share = weights(own, self._feather, self._size).to(result)
        seen = around.within(view.region).crop(result)
        around.crop(self.values).add_((seen * share).to(self.values.device))
