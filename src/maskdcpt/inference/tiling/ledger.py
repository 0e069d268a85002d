"""What tiles learn from one another: sums over the whole image, and its lower levels.

A tile asks questions whose answers need all tiles: the mean of a channel, what lies below a step down. It gives its own
contribution and stops. When every tile has contributed, the answer is known, and all run once more from the start,
up to the next question. So a part of a network with n questions takes n + 1 passes, and none of them holds more than a
tile; answers are what the whole image would give, but for the order of sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from maskdcpt.inference.tiling.geometry import Box
from maskdcpt.masking import Levels, View


class Unanswered(BaseException):
    """Ends the run of a tile at an open question. No ``Exception``, so that no handler in between catches it."""


class Question(Protocol):
    """What all tiles contribute to."""

    def answer(self) -> Any:
        """The answer, once all have contributed."""


class Sums:
    """Sums over the whole image, in double precision, of the sums of tiles."""

    def __init__(self) -> None:
        self._totals: list[Tensor] = []

    def add(self, *partial: Tensor) -> None:
        """Adds the sums of a tile."""
        doubled = [values.detach().cpu().double() for values in partial]
        self._totals = [a + b for a, b in zip(self._totals, doubled, strict=True)] if self._totals else doubled

    def answer(self) -> list[Tensor]:
        """The totals."""
        return self._totals


class Descent:
    """What comes from the level above, put together from tiles, and what the levels below make of it.

    Args:
        function: Computes them, as for ``View.below``.
        view: How it sees the whole image.
    """

    def __init__(self, function: Callable[[list[Tensor], View], Levels], view: View) -> None:
        self._function, self._view = function, view
        self._canvas: list[Tensor] = []  # handed over when it is complete

    def add(self, own: Tensor, box: Box, size: tuple[int, int]) -> None:
        """Adds a tile.

        Args:
            own: Its part (1, C, h, w) of the feature map, without a margin.
            box: Where it lies.
            size: Height and width of the whole feature map.
        """
        if not self._canvas:
            self._canvas.append(new_canvas(own, size))
        box.crop(self._canvas[0]).copy_(own)

    def answer(self) -> Levels:
        """The feature maps of the levels below."""
        return self._function(self._canvas, self._view)


class Ledger:
    """Questions and answers of one function that runs on all tiles. Tiles ask in the same order."""

    def __init__(self) -> None:
        self._answers: list[Any] = []
        self._open: Question | None = None

    def ask(self, number: int) -> Any:
        """The answer to a question by its number, None if it is open."""
        return self._answers[number] if number < len(self._answers) else None

    def question(self, make: Callable[[], Question]) -> Any:
        """The question that is open, made where this tile is the first to ask it."""
        if self._open is None:
            self._open = make()
        return self._open

    def settle(self) -> bool:
        """Answers the question that is open; False if there is none, so that all tiles have come to an end."""
        if self._open is None:
            return False
        question, self._open = self._open, None
        self._answers.append(question.answer())
        return True


def new_canvas(like: Tensor, size: tuple[int, int]) -> Tensor:
    """An empty feature map of the whole image in the memory of the machine, channels-last.

    Args:
        like: Parts of it (N, C, h, w).
        size: Its height and width.

    Returns:
        (1, C, H, W)
    """
    return torch.empty((1, like.shape[1], *size), dtype=like.dtype, memory_format=torch.channels_last)
