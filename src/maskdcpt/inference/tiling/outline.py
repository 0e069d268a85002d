"""What there is to know of a network before an image is divided: how far its parts reach, and what they hold."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from maskdcpt.backbones import Backbone
from maskdcpt.inference.tiling.live import LiveValues
from maskdcpt.masking import Levels, View

HEAD_REACH = 1
"""Positions around a position that a head's result depends on: all are 3x3 convolutions."""
SMALL = 64
"""Pixels along the image that a network is watched on, or a few more."""
SLACK = 1.6
"""What the work on a part takes, as a multiple of the values that it holds: libraries have buffers, and what an
allocator cannot fill. Measured on a CPU: up to 1.6."""


@dataclass(frozen=True)
class Moment:
    """What is held while one part of a network works; numbers of values for each pixel of the image, by stride."""

    stride: int
    """The finest of the part's inputs, in pixels for a position."""
    inputs: float
    """Values of its inputs."""
    work: float
    """Values that it holds at once, its result included."""
    held: dict[int, float]
    """Values of all results of parts that are needed now or later, by their stride."""


@dataclass
class Outline:
    """A network in its parts, in the order of their work."""

    moments: list[Moment] = field(default_factory=list)
    """One for each part."""
    reach: Counter[int] = field(default_factory=Counter)
    """Pixels that the parts of each stride reach in all."""
    descents: list[int] = field(default_factory=list)
    """Strides of what is handed to lower levels, fine to coarse."""
    sums: bool = False
    """Whether it makes sums over the whole image."""

    @property
    def whole_reach(self) -> int:
        """Pixels around a pixel that its result depends on at most, but for sums; 0 if the network tells no parts."""
        return self.reach.total()

    def reach_above(self, stride: int) -> int:
        """Pixels that the parts finer than a stride reach in all."""
        return sum(pixels for own, pixels in self.reach.items() if own < stride)

    def held(self, low: int, high: float = float("inf")) -> float:
        """Most values a pixel that results of strides in [low, high) hold at once."""
        return max((self._between(moment, low, high) for moment in self.moments), default=0.0)

    @property
    def expansion(self) -> float:
        """Most values that a part works with, inputs included, as a multiple of those of its inputs."""
        return max((1 + SLACK * moment.work / moment.inputs for moment in self.moments), default=1.0)

    def fused(self, high: float = float("inf")) -> float:
        """Most values a pixel that the parts of strides below a limit need when they work one after the other."""
        return max(
            (self._between(moment, 1, high) + SLACK * moment.work for moment in self.moments if moment.stride < high),
            default=0.0,
        )

    @staticmethod
    def _between(moment: Moment, low: int, high: float) -> float:
        return sum(values for stride, values in moment.held.items() if low <= stride < high)


class _Witness(View):
    """Sees everything and writes down what happens."""

    def __init__(self, side: int) -> None:
        self.outline = Outline()
        self._side, self._live = side, Counter[int]()

    def part(self, function: Callable[..., Tensor], *inputs: Tensor, reach: int, wraps: bool = False) -> Tensor:
        with LiveValues() as live:
            result = function(*inputs, self)
        stride = min(self._stride(x) for x in inputs)
        self._live[self._stride(result)] += result.numel()
        weakref.finalize(result, partial(self._forget, self._stride(result), result.numel()))
        pixels = self._side**2
        held = {stride: count / pixels for stride, count in self._live.items()}
        values = sum(x.numel() for x in inputs)
        self.outline.moments.append(Moment(stride, values / pixels, live.most / pixels, held))
        self.outline.reach[stride] += reach * stride
        return result

    def below(self, function: Callable[[list[Tensor], View], Levels], handed: list[Tensor]) -> Levels:
        self.outline.descents.append(self._stride(handed[0]))
        return function(handed, self)

    def mean(self, x: Tensor) -> Tensor:
        self.outline.sums = True
        return super().mean(x)

    def cosine(self, q: Tensor, k: Tensor) -> Tensor:
        self.outline.sums = True
        return super().cosine(q, k)

    def _forget(self, stride: int, values: int) -> None:
        self._live[stride] -= values

    def _stride(self, x: Tensor) -> int:
        return self._side // x.shape[-2]


def outline(backbone: Backbone) -> Outline:
    """Runs a network on a small grey image and looks on.

    Args:
        backbone: The network, on any device.
    """
    side = -(-SMALL // backbone.stride) * backbone.stride
    like = next(backbone.parameters())
    witness = _Witness(side)
    with torch.inference_mode():
        backbone.encode(torch.full((1, 3, side, side), 0.5, dtype=like.dtype, device=like.device), witness)
    if witness.outline.moments:
        witness.outline.reach[1] += HEAD_REACH
    return witness.outline
