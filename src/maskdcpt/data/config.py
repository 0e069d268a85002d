"""What training images are, how often each is shown and how they are cut."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

from maskdcpt.classes import CLEAN
from maskdcpt.config import configuration
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError, naming, nearest, require

STRANGE = "not in data.types"


@configuration
class SourceConfig:
    """One origin of training images; several are mixed."""

    kind: Literal["clean", "embedded", "pairs", "manifest", "shards"]
    """Clean images that are damaged on the fly; the embedded ones; two folders of pairs; a table of pairs; Parquet
    files with pairs in them."""
    folder: str = ""
    """Folder with the images, or the manifest's file; relative to ``data.folder`` where that is given. Embedded images
    have none."""
    name: str | None = None
    """What the source is called in lists and messages; without it, as its folder or file."""
    repeat: float = 1.0
    """How often an image is shown for one of a source that has 1 here: the paper's repetition ratio."""
    types: tuple[str, ...] = ()
    """Of ``data.types``: those that clean images are damaged by, or the rows of a table that are taken; empty for all.
    Of pairs: the basic types that come together in them, for ``data.labels = "multi"``."""
    type: str | None = None
    """Of pairs: the type of ``data.types`` that they are."""
    clean: str = "clean"
    """Of pairs: folder of the clean images, below ``folder``."""
    degraded: str = "degraded"
    """Of pairs: folder of the damaged images, below ``folder``, with the same names apart from their suffix."""
    split: str | None = None
    """Of manifests and shards: the split that is taken; without it ``train``, or all if there are no splits."""

    def __post_init__(self) -> None:
        require(f"data.sources, {self.title}: repeat", self.repeat, 1e-9, 1e9)
        used = {
            "clean": {"folder", "types"},
            "embedded": {"types"},
            "pairs": {"folder", "type", "types", "clean", "degraded"},
        }.get(self.kind, {"folder", "types", "split"})
        defaults = {"folder": "", "type": None, "clean": "clean", "degraded": "degraded", "split": None}
        for field, default in defaults.items():
            if field not in used and getattr(self, field) != default:
                raise UserError(f"data.sources, {self.title}: {self.kind} have no {field!r}{nearest(field, used)}")
        if "folder" in used and not self.folder:
            raise UserError(f"data.sources, {self.title}: {self.kind} need a folder")
        if self.kind == "pairs" and self.type is None:
            raise UserError(f"data.sources, {self.title}: pairs need a type, one of data.types")

    @property
    def title(self) -> str:
        """Its name, or that of its folder or file."""
        return self.name or Path(self.folder).name or self.folder or self.kind


@configuration
class DataConfig:
    """What a network is shown."""

    folder: str | None = None
    """Folder of clean images; without it the embedded ones are used. With sources, the folder that theirs are relative
    to, and nothing else."""
    sources: tuple[SourceConfig, ...] = ()
    """Where images come from, if not from one folder of clean images."""
    balance: Literal["types", "images"] = "types"
    """With several sources: every type equally often, and within a type each image as often as its source's ``repeat``
    says; or each image as often as that, whatever its type, which is how the paper's concatenation counts."""
    order: Literal["drawn", "shuffled"] = "drawn"
    """Each sample drawn by itself; or, with ``balance = "images"`` and whole numbers for ``repeat``, epochs that show
    every image once, times its source's ``repeat``, in random order."""
    types: tuple[str, ...] = CATALOGUE.names
    """Types of damage or kinds of level, each equally often and each level of one equally often."""
    clean: float = 0.0
    """Share of samples that are shown undamaged, so that a network learns to leave images alone. What names damage
    learns them as a class of their own, ``clean``, or where it may name several, as none."""
    labels: Literal["single", "multi"] = "single"
    """What a classifier is to name: the one type of an image, or every basic type that is mixed in it."""
    crop: int = 64
    """Side of the square crops in pixels."""
    workers: int = 1
    """Processes that prepare samples; the samples are the same whatever their number."""
    prefetch: int = 4
    """Batches that each of them prepares ahead; more of them bridge a disk that pauses, and take memory."""

    def __post_init__(self) -> None:
        if self.crop < 1 or self.workers < 0:
            raise UserError(f"data.crop is at least 1 and data.workers at least 0, not {self.crop} and {self.workers}")
        require("data.prefetch", self.prefetch, 1, 1e6)
        require("data.clean", self.clean, 0, 1, below=True)
        if not self.types or len(set(self.types)) != len(self.types):
            raise UserError("data.types needs at least one type, each only once")
        for name in self.types:
            if name not in CATALOGUE:
                known = [*CATALOGUE.names, *(kind.type_name for entry in CATALOGUE for kind in entry.kinds)]
                raise UserError(f"data.types: no degradation is called {name!r}{nearest(name, known)}")
        with naming("data.types"):
            levels = [level for name in self.types for level in CATALOGUE[name].levels]
            for name in self.types:
                CATALOGUE[name].require_levels()
        if len(set(levels)) != len(levels):
            raise UserError("data.types: a type and a kind of it cannot both be classes")
        self._check_sources()
        self._check_order()

    def _check_sources(self) -> None:
        for source in self.sources:
            # The types of pairs say what is mixed in them, those of other sources choose among the classes.
            known, where = (
                (CATALOGUE.names, "no type of the catalogue") if source.kind == "pairs" else (self.types, STRANGE)
            )
            for name in source.types:
                if name not in known:
                    raise UserError(f"data.sources, {source.title}: types: {where}: {name!r}{nearest(name, known)}")
            if source.type is not None and source.type not in self.types:
                problem = f"{STRANGE}: {source.type!r}{nearest(source.type, self.types)}"
                raise UserError(f"data.sources, {source.title}: type: {problem}")
        for title, count in Counter(source.title for source in self.sources).items():
            if count > 1:
                raise UserError(f"data.sources: {count} are called {title!r}; give each a name of its own")

    def _check_order(self) -> None:
        if self.order == "drawn":
            return
        if self.balance != "images":
            raise UserError(
                'data.order = "shuffled" shows each image as often as any other, which data.balance = "types" does not '
                'want; set data.balance to "images"'
            )
        for source in self.sources:
            if source.repeat != int(source.repeat):
                raise UserError(
                    f'data.sources, {source.title}: repeat is {source.repeat:g}; with data.order = "shuffled" an image '
                    "is shown a whole number of times in an epoch"
                )

    @property
    def classes(self) -> tuple[str, ...]:
        """What the classifier names, in the order of its logits.

        The types, and last ``clean`` where images are shown undamaged; with ``labels = "multi"`` the basic types that
        occur in them, each once, in the order of the catalogue.
        """
        if self.labels == "single":
            return (*self.types, CLEAN) if self.clean else self.types
        levels = (level for name in self.types for level in CATALOGUE[name].levels)
        found = {entry.name for level in levels for entry in CATALOGUE.basic_types(level)}
        return tuple(name for name in CATALOGUE.names if name in found)
