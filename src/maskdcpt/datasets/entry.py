"""What is known of a public data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """Path of its damaged image below the folder of the set, without suffix; of the clean one if there is no other."""
    clean: Path | None
    """The clean image; None where there is no ground truth."""
    degraded: Path | None
    """The damaged image; None where the set has clean images alone."""
    type: str | None = None
    """Type of its damage; None if all is clean, or damaged in ways of no type."""
    basic: tuple[str, ...] = ()
    """The basic types in its damage, where more is known of them than the type says."""
    scene: str = ""
    """What it was filmed of, where several images are of one scene and so alike; empty where that is not known."""


@dataclass(frozen=True)
class Survey:
    """What is there of a split."""

    members: tuple[Member, ...]
    """All that is complete, in the order of the keys."""
    clean: tuple[Path, ...] = ()
    """Clean images without a damaged one, which may belong to another split."""
    missing: tuple[str, ...] = ()
    """Files that are not there and should be, below the folder of the set."""
    refused: tuple[str, ...] = ()
    """What leads out of the folder of the set, or is no file, and so is not read; a statement each."""


class Files(Protocol):
    """How the images of one split lie below the folder of a data set, and which belong together."""

    @property
    def layout(self) -> Sequence[str]:
        """Where the files are, a line each, for people."""
        ...

    def survey(self, folder: Path) -> Survey:
        """Looks through the folder of the data set for what is there and what is not.

        Raises:
            UserError: If two files have one name apart from the suffix, or a list does not fit.
        """
        ...

    def members(self, folder: Path) -> Sequence[Member]:
        """All that is there, in the order of the keys; none where the split is missing.

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
    """What recipes call it, such as ``gopro``."""
    title: str
    """What people call it, such as ``GoPro``."""
    types: tuple[str, ...]
    """Types of damage in it, as the catalogue of degradations names them; none where all images are clean."""
    real: bool
    """Whether the damage was photographed rather than computed."""
    splits: Mapping[str, Files]
    """``train``, ``test`` or others to where their images are. What is not ``train`` is held out from training."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Images or pairs of each split as published, where known."""
    licence: Licence
    """Terms of use."""
    homepage: str
    """Where to get it."""
    citation: str
    """Authors, title, venue and year, in one line."""
    traps: tuple[str, ...] = ()
    """What people have got wrong with it, a sentence each."""
    folder: str = ""
    """Folder it lies in; without it that of its name. Several sets may come in one archive."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder or self.name)
