"""What is known of a public data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol


@dataclass(frozen=True)
class Licence:
    """On what terms a data set may be used."""

    name: str
    """SPDX identifier where there is one, or the terms in a few words as its authors state them."""
    commercial: bool | None
    """Whether commercial use is allowed; None where the authors do not say, which permits nothing."""


class Member(NamedTuple):
    """One image of a data set, or one pair."""

    key: str
    """Name within the data set and split, unique, with ``/`` between its parts and without suffix."""
    clean: Path | None
    """The clean image; None where there is no ground truth."""
    degraded: Path | None
    """The damaged image; None where the set has clean images alone."""


class Files(Protocol):
    """How the images of one split lie below the folder of a data set, and which belong together."""

    def members(self, folder: Path) -> Sequence[Member]:
        """All that is there, in the order of the keys.

        Args:
            folder: Folder of the data set.

        Raises:
            UserError: If what is there does not fit the layout.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A public data set."""

    name: str
    """What recipes and folders call it, such as ``gopro``."""
    title: str
    """What people call it, such as ``GoPro``."""
    types: tuple[str, ...]
    """Types of damage in it, as the catalogue of degradations names them; none where all images are clean."""
    real: bool
    """Whether the damage was photographed rather than computed."""
    splits: Mapping[str, Files]
    """``train``, ``test`` or others to where their images are."""
    counts: Mapping[str, int]
    """Images or pairs of each split as published, where known."""
    licence: Licence
    """Terms of use."""
    homepage: str
    """Where to get it."""
    citation: str
    """Authors, title, venue and year, in one line."""
    traps: tuple[str, ...] = ()
    """What people have got wrong with it, a sentence each."""
