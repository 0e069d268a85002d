"""Where images come from: public data sets, folders of one's own, and what comes with the package."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.corpus.recipe import EMBEDDED, Component, CorpusRecipe
from maskdcpt.data import EmbeddedImages
from maskdcpt.data.samples import TRAIN_PHOTOS
from maskdcpt.datasets import DataSet, Licence
from maskdcpt.errors import UserError, naming, nearest
from maskdcpt.images import list_images

_T = TypeVar("_T")

TRAIN = "train"
"""The split that is taken where none is named."""


@dataclass(frozen=True, eq=False)
class Source:
    """The images or pairs of one origin, as columns: a million of them take little memory."""

    name: str
    """What recipes call it: ``gopro``, ``gopro:test``, ``embedded``."""
    title: str
    """What people call it."""
    real: bool
    """Whether its damage was photographed rather than computed."""
    keys: list[str]
    """Names of the images within the source, unique."""
    clean: list[str]
    """Files of the clean images below ``folder``; of embedded ones their names."""
    degraded: list[str] | None
    """Files of the damaged ones; None where all images are clean."""
    types: list[str | None]
    """Types of their damage, None where the source does not say."""
    basic: list[tuple[str, ...]]
    """Basic types in it, none where the source does not say."""
    licences: tuple[Licence, ...]
    """Terms of use that occur."""
    licence: NDArray[np.uint8]
    """Which of them each image is under."""
    folder: Path | None
    """Where it lies; None for embedded images."""

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def digest(self) -> str:
        """A hash of all names: what tells whether images have come or gone."""
        total = hashlib.sha256()
        for name in (*self.keys, *self.clean, *(self.degraded or ())):
            total.update(name.encode(errors="surrogateescape") + b"\0")
        return total.hexdigest()

    def file(self, name: str) -> str:
        """Where a file of ``clean`` or ``degraded`` lies."""
        return name if self.folder is None else str(self.folder / name)

    def part(self, chosen: NDArray[np.bool_]) -> Source:
        """Some of its images."""
        places = np.flatnonzero(chosen).tolist()

        def some(values: list[_T]) -> list[_T]:
            return [values[place] for place in places]

        degraded = None if self.degraded is None else some(self.degraded)
        return Source(
            self.name,
            self.title,
            self.real,
            some(self.keys),
            some(self.clean),
            degraded,
            some(self.types),
            some(self.basic),
            self.licences,
            self.licence[chosen],
            self.folder,
        )


class Missing(NamedTuple):
    """A source that the recipe names and that is not there."""

    name: str
    """The source."""
    reason: str
    """Why, for everybody: without the place of the root, since it goes into what is published."""


@dataclass(frozen=True)
class Sources:
    """What of a recipe's sources there is."""

    found: Mapping[str, Source] = field(default_factory=dict)
    """By name, in the order of the recipe."""
    missing: tuple[Missing, ...] = ()
    """The others."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Images of each source that were left out for their licence."""


def open_sources(
    recipe: CorpusRecipe, root: Path | None, datasets: Mapping[str, DataSet], *, commercial: bool = False
) -> Sources:
    """Looks for all sources of a recipe.

    Args:
        recipe: Names them.
        root: Folder with the data sets and folders of one's own; None if there is none.
        datasets: The data sets that are known.
        commercial: Whether to leave out images whose licence forbids commercial use or does not say.

    Raises:
        UserError: If the root is missing, or a data set is there and does not fit its layout.
    """
    if root is not None and not root.is_dir():
        raise UserError(f"{root}: {'a file, not a folder' if root.exists() else 'no such folder'}")
    found: dict[str, Source] = {}
    missing: list[Missing] = []
    refused: dict[str, int] = {}
    for name in _names(recipe):
        opened = _open(name, recipe, root, datasets)
        if isinstance(opened, Missing):
            missing.append(opened)
            continue
        if commercial:
            allowed = np.array([licence.commercial is True for licence in opened.licences])[opened.licence]
            refused |= {name: int((~allowed).sum())} if not allowed.all() else {}
            opened = opened.part(allowed)
            if not len(opened):
                missing.append(
                    Missing(name, f"its licence ({_terms(opened)}) allows no commercial use, or does not say")
                )
                continue
        found[name] = opened
    return Sources(found, tuple(missing), refused)


def component_sources(component: Component, recipe: CorpusRecipe) -> tuple[str, ...]:
    """Names of the sources of a component, those of the recipe where it has none."""
    return component.sources or recipe.clean


def read_embedded(name: str) -> Tensor:
    """An embedded image (3, H, W) in [0, 1], by its name."""
    return _EMBEDDED[_EMBEDDED.names.index(name)]


_EMBEDDED = EmbeddedImages("train")


def _names(recipe: CorpusRecipe) -> list[str]:
    names = [name for part in recipe.components if part.samples for name in component_sources(part, recipe)]
    if any(part.otherwise == "engine" for part in recipe.components):
        names += recipe.clean
    return list(dict.fromkeys(names))


def _terms(source: Source) -> str:
    return ", ".join(licence.name for licence in source.licences)


def _open(name: str, recipe: CorpusRecipe, root: Path | None, datasets: Mapping[str, DataSet]) -> Source | Missing:
    if name == EMBEDDED:
        return _embedded()
    base, _, split = name.partition(":")
    if root is None:
        return Missing(name, "no root is named (--root DIR)")
    if base in datasets:
        return _data_set(name, datasets[base], split or TRAIN, root)
    own = next((folder for folder in recipe.folders if folder.name == base), None)
    if own is None and not (root / base).is_dir():
        return Missing(name, f"no data set is called so, and no folder {base} is in the root{nearest(base, datasets)}")
    if not (root / base).is_dir():
        return Missing(name, f"no folder {base} in the root")
    return _own(name, root / base, Licence("not stated", None) if own is None else Licence(own.licence, own.commercial))


def _embedded() -> Source:
    own = Licence("Apache-2.0", True)
    licences = {own: 0}
    numbers = np.zeros(len(_EMBEDDED.names), np.uint8)
    for place, photo in enumerate(TRAIN_PHOTOS):
        free = any(word in photo.origin for word in ("CC0", "public domain"))
        licence = Licence(photo.origin, True if free else None)
        numbers[place] = licences.setdefault(licence, len(licences))
    names = list(_EMBEDDED.names)
    nothing: list[str | None] = [None] * len(names)
    return Source(
        EMBEDDED,
        "embedded images",
        False,
        names,
        names,
        None,
        nothing,
        [()] * len(names),
        tuple(licences),
        numbers,
        None,
    )


def _data_set(name: str, entry: DataSet, split: str, root: Path) -> Source | Missing:
    folder = root / entry.folder
    if split not in entry.splits:
        return Missing(name, f"{entry.title} has no split {split!r}{nearest(split, entry.splits)}")
    if not folder.is_dir():
        return Missing(name, f"no folder {entry.folder} in the root; {entry.homepage}")
    with naming(name):
        members = [member for member in entry.splits[split].members(folder) if member.clean is not None]
    if not members:
        return Missing(name, f"nothing of its split {split} in the folder {entry.folder}")
    clean = [_below(member.clean, folder) for member in members]
    paired = any(member.degraded is not None for member in members)
    degraded = [_below(member.degraded or member.clean, folder) for member in members] if paired else None
    return Source(
        name,
        entry.title,
        entry.real,
        [member.key for member in members],
        clean,
        degraded,
        [member.type for member in members],
        [member.basic for member in members],
        (entry.licence,),
        np.zeros(len(members), np.uint8),
        folder,
    )


def _own(name: str, folder: Path, licence: Licence) -> Source | Missing:
    try:
        paths = [path.relative_to(folder) for path in list_images(folder)]
    except UserError:
        return Missing(name, f"no images in the folder {name}")
    files = [path.as_posix() for path in paths]
    # With the suffix, for two files may differ in nothing else.
    return Source(
        name, name, False, files, files, None, [None] * len(files), [()] * len(files), (licence,),
        np.zeros(len(files), np.uint8), folder,
    )  # fmt: skip


def _below(path: Path | None, folder: Path) -> str:
    assert path is not None
    return path.relative_to(folder).as_posix()
