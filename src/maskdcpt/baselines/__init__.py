"""Methods without training, which a network has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from maskdcpt.errors import UserError, nearest


@dataclass(frozen=True)
class Baseline:
    """A method."""

    name: str
    title: str
    source: str
    restore: Callable[[Tensor], Tensor]


BASELINES: Mapping[str, Baseline] = {"identity": Baseline("identity", "Identity", "", lambda pixels: pixels)}


def find_baseline(name: str) -> Baseline:
    """The method of a name."""
    if name not in BASELINES:
        raise UserError(f"no baseline is called {name!r}{nearest(name, BASELINES)}")
    return BASELINES[name]
