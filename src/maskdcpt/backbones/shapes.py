"""What the names and shapes of weights tell about the network they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from maskdcpt.errors import UserError


class Rename(NamedTuple):
    """How another release names what has the same function here."""

    pattern: str
    """Regular expression for the start of a key."""
    replacement: str
    """What stands there instead."""


def rename(state: Mapping[str, Tensor], rules: Sequence[Rename]) -> dict[str, Tensor]:
    """Applies each rule to every key, in order."""
    renamed = dict(state)
    for pattern, replacement in rules:
        compiled = re.compile(f"^{pattern}")
        renamed = {compiled.sub(replacement, key): value for key, value in renamed.items()}
    return renamed


class Shapes:
    """The shapes of a state dict.

    Args:
        state: Name to tensor.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._shapes = {key: tuple(value.shape) for key, value in state.items()}

    def __contains__(self, key: str) -> bool:
        return key in self._shapes

    def __getitem__(self, key: str) -> tuple[int, ...]:
        """The shape of a tensor that every such network has.

        Raises:
            UserError: If it is missing or a single number.
        """
        if not self._shapes.get(key):
            raise UserError(f"{key} is missing")
        return self._shapes[key]

    def any(self, *parts: str) -> bool:
        """Whether a key holds any of these texts."""
        return any(part in key for key in self._shapes for part in parts)

    def count(self, pattern: str, first: int = 0) -> int:
        """How many numbers occur where a pattern for the start of a key has its group, from the first without a gap."""
        compiled = re.compile(pattern)
        found = {int(match[1]) for key in self._shapes if (match := compiled.match(key))}
        return next(count for count in range(len(found) + 1) if first + count not in found)

    def ratio(self, pairs: Iterable[tuple[str, str]]) -> float:
        """The roundest number that makes ``int(outside * number)`` the inside of every pair of layers.

        Args:
            pairs: A layer whose second axis is outside, and a layer whose second axis is inside.

        Raises:
            UserError: If there are no pairs or no number suits all of them.
        """
        sizes = {(self[outer][1], self[inner][1]) for outer, inner in pairs}
        if not sizes:
            raise UserError("it has no blocks, which its size is read from")
        low = max(inside / outside for outside, inside in sizes)
        for digits in range(16):
            for step in (0, 0.5, 1):
                candidate = round(low + step * 10.0**-digits, digits)
                if all(int(o * candidate) == i for o, i in sizes):
                    return candidate
        raise UserError(f"no expansion fits the layers of its blocks, {sorted(sizes)} channels outside and inside")

    def keys(self, pattern: str) -> list[str]:
        """The keys that a pattern matches at the start, in order."""
        return [key for key in self._shapes if re.match(pattern, key)]
