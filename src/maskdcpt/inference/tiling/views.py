"""How a network sees a tile of an image, and how it sees an image that is worked on in tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from maskdcpt.inference.tiling.geometry import Tile
from maskdcpt.inference.tiling.ledger import Descent, Ledger, Sums, Unanswered
from maskdcpt.masking import SHORTEST, Levels, View

if TYPE_CHECKING:
    from maskdcpt.inference.tiling.sweep import Tiler


class CanvasView(View):
    """The layers work on feature maps of the whole image, in the memory of the machine, part by part and tile by tile.

    Args:
        tiler: Divides the work.
    """

    def __init__(self, tiler: Tiler) -> None:
        self._tiler = tiler

    def part(self, function: Callable[..., Tensor], *inputs: Tensor, reach: int, wraps: bool = False) -> Tensor:
        """See the base class."""
        return self._tiler.part(function, inputs, reach, wraps)


class TileView(View):
    """The layers work on tiles with their margins, as a batch; sums are over the whole image all the same.

    Args:
        tiles: Those of the batch, in order, of one image and one shape.
        size: Height and width of the image in pixels.
        ledger: What is known of the whole image.
        below: Stride from which on a U-Net's lower levels are computed for the whole image, and how they see it; None
            if the tiles compute them as well.
    """

    def __init__(
        self, tiles: Sequence[Tile], size: tuple[int, int], ledger: Ledger, below: tuple[int, View] | None = None
    ) -> None:
        self.tiles, self._whole, self._ledger, self._below = tiles, size, ledger, below
        self._height, _, self._inner = tiles[0].shape
        self._asked = 0

    def stride(self, x: Tensor) -> int:
        """Pixels for a position of a feature map (N, C, h, w) of these tiles: a power of 2."""
        pixels = max(1, self._height // x.shape[-2])
        return 1 << (pixels.bit_length() - 1)

    def own(self, x: Tensor) -> Tensor:
        """Feature maps (..., h, w) of the tiles without their margins."""
        return self._inner.at(self.stride(x)).crop(x)

    def size(self, x: Tensor) -> tuple[int, int]:
        """See the base class."""
        stride = self.stride(x)
        return self._whole[0] // stride, self._whole[1] // stride

    def mean(self, x: Tensor) -> Tensor:
        """See the base class."""
        height, width = self.size(x)
        (total,) = self._sums(lambda: [self.own(x).sum((0, 2, 3), keepdim=True, dtype=_accurate(x))])
        return self._for_all((total / (height * width)).to(x.device, x.dtype))

    def cosine(self, q: Tensor, k: Tensor) -> Tensor:
        """See the base class: products and squares are summed in one go, and lengths divided by at the end."""
        products, queries, keys = self._sums(lambda: _products(self.own(q), self.own(k)))
        lengths = [squares.clamp_min(SHORTEST**2).sqrt() for squares in (queries, keys)]
        return self._for_all((products / lengths[0][..., :, None] / lengths[1][..., None, :]).to(q.device, q.dtype))

    def spread(self, x: Tensor, over: Tensor) -> Tensor:
        """See the base class: only what the tiles see is computed."""
        boxes = [tile.region.at(self.stride(over)) for tile in self.tiles]
        height, width = self.size(over)
        down = [_interpolation(x.shape[-2], height, box.top, box.bottom) for box in boxes]
        across = [_interpolation(x.shape[-1], width, box.left, box.right) for box in boxes]
        return torch.stack(down).to(x)[:, None] @ x @ torch.stack(across).to(x)[:, None].mT  # (N, 1, ., .) each

    def below(self, function: Callable[[list[Tensor], View], Levels], handed: list[Tensor]) -> Levels:
        """See the base class."""
        stride = self.stride(handed[0])
        if self._below is None or stride < self._below[0]:
            return function(handed, self)
        x = handed.pop()
        view = self._below[1]

        def contribute() -> None:
            question = self._ledger.question(lambda: Descent(function, view))
            for tile, own in zip(self.tiles, self.own(x).detach(), strict=True):
                question.add(own[None], tile.own.at(stride), self.size(x))

        levels = self._ask(contribute)
        return tuple([self.cut(canvas).to(x.device) for canvas in canvases] for canvases in levels)  # type: ignore[return-value]

    def cut(self, canvas: Tensor) -> Tensor:
        """What the tiles see of a feature map (1, C, H, W) of the whole image, as a batch."""
        stride = self._whole[0] // canvas.shape[-2]
        seen = [tile.region.at(stride).crop(canvas) for tile in self.tiles]
        return seen[0] if len(seen) == 1 else torch.cat(seen)

    def _for_all(self, answer: Tensor) -> Tensor:
        """An answer (1, ...), for each tile of the batch."""
        return answer.expand(len(self.tiles), *answer.shape[1:])

    def _sums(self, partial: Callable[[], list[Tensor]]) -> list[Tensor]:
        return self._ask(lambda: self._ledger.question(Sums).add(*partial()))  # type: ignore[no-any-return]

    def _ask(self, contribute: Callable[[], None]) -> Any:
        answer = self._ledger.ask(self._asked)
        if answer is None:
            contribute()
            raise Unanswered
        self._asked += 1
        return answer


def _accurate(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _products(q: Tensor, k: Tensor) -> list[Tensor]:
    """Products of channels (1, heads, C, C), squares of queries and of keys (1, heads, C), summed over positions."""
    q, k = (x.to(_accurate(x)).flatten(3) for x in (q, k))
    with torch.autocast(q.device.type, enabled=False):
        return [each.sum(0, keepdim=True) for each in (q @ k.mT, q.square().sum(-1), k.square().sum(-1))]


def _interpolation(inputs: int, outputs: int, start: int, stop: int) -> Tensor:
    """Rows ``start`` to ``stop`` of the matrix (outputs, inputs) of bilinear resizing, half-pixel centres, float64."""
    centres = ((torch.arange(start, stop, dtype=torch.float64) + 0.5) * inputs / outputs - 0.5).clamp_min(0)
    lower = centres.floor().long().clamp_max(inputs - 1)
    upper = (lower + 1).clamp_max(inputs - 1)
    share = (centres - lower)[:, None]
    identity = torch.eye(inputs, dtype=torch.float64)
    return identity[lower] * (1 - share) + identity[upper] * share
