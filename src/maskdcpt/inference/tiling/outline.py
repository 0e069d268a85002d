"""What there is to know of a network before an image is divided: how far its parts reach, and what they hold."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

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
    """What is held while one part of a network works; numbers of values for each pixel of the image."""

    level: int
    """The level it belongs to, as the stride of what the level starts from."""
    inputs: float
    """Values of its inputs."""
    work: float
    """Values that it holds at once, its result included."""
    held: dict[int, float]
    """Values of all results of parts that are needed now or later, by the level that they belong to."""
    sums: int = 0
    """Sums over the whole image that it asks for, one after the other."""


@dataclass
class Outline:
    """A network in its parts, in the order of their work."""

    moments: list[Moment] = field(default_factory=list)
    """One for each part."""
    reach: Counter[int] = field(default_factory=Counter)
    """Pixels that the parts of each level reach in all."""
    descents: list[int] = field(default_factory=list)
    """Strides of what is handed to lower levels, fine to coarse."""
    sums: bool = False
    """Whether it makes sums over the whole image."""
    values: float = 0.0
    """Values a pixel that it holds at once, of a network that tells no parts; 0 if that is not known."""

    @property
    def whole_reach(self) -> int:
        """Pixels around a pixel that its result depends on at most, but for sums; 0 if the network tells no parts."""
        return self.reach.total()

    def reach_above(self, level: int) -> int:
        """Pixels that the parts of finer levels reach in all."""
        return sum(pixels for own, pixels in self.reach.items() if own < level)

    def held(self, low: int, high: float = float("inf")) -> float:
        """Most values a pixel that results of levels in [low, high) hold at once."""
        return max((self._between(moment, low, high) for moment in self.moments), default=0.0)

    @property
    def expansion(self) -> float:
        """Most values that a part works with, inputs included, as a multiple of those of its inputs."""
        return max((1 + SLACK * moment.work / moment.inputs for moment in self.moments), default=1.0)

    def fused(self, high: float = float("inf")) -> float:
        """Most values a pixel that the parts of levels finer than one need when they work one after the other."""
        return max(
            (self._between(moment, 1, high) + SLACK * moment.work for moment in self.moments if moment.level < high),
            default=self.values,
        )

    @staticmethod
    def _between(moment: Moment, low: int, high: float) -> float:
        return sum(values for level, values in moment.held.items() if low <= level < high)


class _Witness(View):
    """Sees everything and writes down what happens."""

    def __init__(self, side: int) -> None:
        self.outline = Outline()
        self._side, self._level = side, 1
        self._live = Counter[int]()
        self._asked = 0
        self._owners: dict[int, list[int]] = {}  # of each result the level, which changes when it is handed down

    def part(self, function: Callable[..., Tensor], *inputs: Tensor, reach: int, wraps: bool = False) -> Tensor:
        asked = self._asked
        with LiveValues() as live:
            result = function(*inputs, self)
        owner = self._owners[id(result)] = [self._level]
        self._live[self._level] += result.numel()
        weakref.finalize(result, self._forget, owner, result.numel())
        pixels = self._side**2
        held = {level: count / pixels for level, count in self._live.items()}
        values = sum(x.numel() for x in inputs)
        self.outline.moments.append(Moment(self._level, values / pixels, live.most / pixels, held, self._asked - asked))
        self.outline.reach[self._level] += reach * min(self._side // x.shape[-2] for x in inputs)
        return result

    def below(self, function: Callable[[list[Tensor], View], Levels], handed: list[Tensor]) -> Levels:
        above, values = self._level, handed[0].numel()
        self._level = self._side // handed[0].shape[-2]
        self._owners[id(handed[0])][0] = self._level
        self._live.update({above: -values, self._level: values})
        self.outline.descents.append(self._level)
        levels = function(handed, self)
        self._level = above
        return levels

    def mean(self, x: Tensor) -> Tensor:
        self._asked += 1
        self.outline.sums = True
        return super().mean(x)

    def cosine(self, q: Tensor, k: Tensor) -> Tensor:
        self._asked += 1
        self.outline.sums = True
        return super().cosine(q, k)

    def _forget(self, owner: list[int], values: int) -> None:
        self._live[owner[0]] -= values


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
