"""Methods without training, which a network has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Baseline:
    """A method."""

    name: str
    title: str
    source: str
    restore: Callable[[Tensor], Tensor]


BASELINES: Mapping[str, Baseline] = {"identity": Baseline("identity", "Identity", "", lambda pixels: pixels)}
