"""What a data set is to be made of."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Literal

from maskdcpt.config import configuration, from_dict, read_toml
from maskdcpt.degradations import CATALOGUE, Level
from maskdcpt.errors import UserError, naming, nearest, require
from maskdcpt.recipes import find_recipe

EMBEDDED = "embedded"
"""As a source, the images that come with the package."""

SAFE = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*")
"""Names of folders below the root: neither absolute nor with a way out of it."""


@configuration
class Filters:
    """Which clean originals are good enough to be damaged; ``corpus.quality`` says what is measured."""

    min_side: int = 0
    """Shorter side in pixels; the crop where that is larger."""
    max_pixels: int = 100_000_000
    """Pixels of an image, of pairs as well: more are not decoded."""
    flat: float = 0.7
    """Share of the image without anything in it; one with a larger share is flat. 1 leaves none out."""
    sharpness: float = 1.0
    """An image below it is blurred. 0 leaves none out."""
    jpeg_quality: int = 75
    """A JPEG file of a lower quality is too compressed. 0 leaves none out."""
    duplicates: bool = True
    """Whether of images that look the same only the first is taken."""

    def __post_init__(self) -> None:
        require("filters.min_side", self.min_side, 0, 1e6)
        require("filters.max_pixels", self.max_pixels, 1, 178_000_000)
        require("filters.flat", self.flat, 0, 1)
        require("filters.sharpness", self.sharpness, 0, 10)
        require("filters.jpeg_quality", self.jpeg_quality, 0, 100)


@configuration
class Folder:
    """A folder of clean images of one's own."""

    name: str
    """Where it is below the root, and what sources call it."""
    licence: str = "not stated"
    """Terms of use of all its images."""
    commercial: bool | None = None
    """Whether they allow commercial use; without it nobody knows."""


@configuration
class Component:
    """Pairs of one type of damage from one or more sources."""

    name: str
    """What it is called in keys, tables and messages; unique."""
    type: str
    """Type of the catalogue that all its pairs are of."""
    samples: int
    """How many pairs it has."""
    make: Literal["pairs", "engine"]
    """Crops of the pairs of data sets; or crops of clean images, damaged by the engine."""
    sources: tuple[str, ...] = ()
    """Data sets, folders of one's own or ``embedded``, in order, ``name`` or ``name:split`` for another split than
    ``train``. For the engine without any: ``clean`` of the recipe."""
    keys: str | None = None
    """Of pairs: takes only those whose key within the data set fits this pattern, with * and ?."""
    most_each: int = 0
    """Of pairs: most crops of one of them; what is missing to ``samples`` is a shortfall. 0 for no limit."""
    kinds: tuple[str, ...] = ()
    """For the engine: kinds of level, as often as each other; without any all levels of the type, as often as each
    other."""
    types: tuple[str, ...] = ()
    """Of pairs: basic types that come together in them, where the type does not say."""
    otherwise: Literal["nothing", "engine"] = "nothing"
    """What fills what missing sources leave open: the engine, with this type on ``clean`` of the recipe; or nothing."""

    def __post_init__(self) -> None:
        with naming(f"components, {self.name}"):
            if not SAFE.fullmatch(self.name) or "." in self.name:
                raise UserError("a name is made of letters, digits, - and _")
            if self.type not in CATALOGUE.names:
                raise UserError(f"no type is called {self.type!r}{nearest(self.type, CATALOGUE.names)}")
            require("samples", self.samples, 0, 2**31 - 1)
            require("most_each", self.most_each, 0, 2**31 - 1)
            kinds = [kind.type_name for kind in CATALOGUE[self.type].kinds]
            for name in self.kinds:
                if name not in kinds:
                    raise UserError(f"{self.type} has no kind {name!r}{nearest(name, kinds)}")
                CATALOGUE[name].require_levels()
            for name in self.types:
                if name not in CATALOGUE.names:
                    raise UserError(f"types: no type is called {name!r}{nearest(name, CATALOGUE.names)}")
            for name in self.sources:
                require_safe(name.partition(":")[0])
            if self.make == "pairs" and not self.sources:
                raise UserError("pairs need a source")
            if self.make == "pairs" and self.kinds:
                raise UserError("kinds are for the engine")
            if self.make == "engine" and (self.keys or self.most_each or self.types):
                raise UserError("keys, most_each and types are for pairs")

    @property
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """Places in ``CATALOGUE[type].levels`` of what the engine does, in groups that are as often as each other."""
        levels = CATALOGUE[self.type].levels
        if not self.kinds:
            return (tuple(range(len(levels))),)
        return tuple(
            tuple(place for place, level in enumerate(levels) if level.type_name == kind) for kind in self.kinds
        )

    def level(self, place: int) -> Level:
        """A level of the type, by its place."""
        return CATALOGUE[self.type].levels[place]


@configuration
class CorpusRecipe:
    """A data set: what it is made of, and how it lies on a disk."""

    name: str
    """What the data set is called."""
    crop: int = 256
    """Side of the images in pixels."""
    small: Literal["skip", "keep"] = "skip"
    """Images smaller than the crop: left out, or taken whole, as they are."""
    seed: int = 0
    """Of everything that is drawn."""
    shard: int = 512
    """Pairs in a file."""
    clean: tuple[str, ...] = (EMBEDDED,)
    """Sources that the engine damages where a component does not say."""
    filters: Filters = Filters()
    """Which of them are good enough."""
    folders: tuple[Folder, ...] = ()
    """Terms of use of folders of one's own that are sources."""
    components: tuple[Component, ...]
    """What it is made of."""

    def __post_init__(self) -> None:
        require("crop", self.crop, 8, 4096)
        require("shard", self.shard, 1, 1e6)
        require("seed", self.seed, 0, 2**63 - 1)
        for name in (*self.clean, *(folder.name for folder in self.folders)):
            require_safe(name.partition(":")[0])
        for name, count in Counter(component.name for component in self.components).items():
            if count > 1:
                raise UserError(f"components: {count} are called {name!r}; give each a name of its own")
        if not self.samples:
            raise UserError("components: the recipe asks for no pair")

    @property
    def samples(self) -> int:
        """Pairs of all components."""
        return sum(component.samples for component in self.components)

    def scaled(self, pairs: int) -> CorpusRecipe:
        """The same make-up with another number of pairs in all, by largest remainders; ties go to the earlier.

        Raises:
            UserError: If that is none, or more than the recipe asks for.
        """
        require("pairs", pairs, 1, self.samples)
        exact = [component.samples * pairs for component in self.components]
        counts = [value // self.samples for value in exact]
        remainders = sorted(range(len(counts)), key=lambda place: (-(exact[place] % self.samples), place))
        for place in remainders[: pairs - sum(counts)]:
            counts[place] += 1
        shares = zip(self.components, counts, strict=True)
        return replace(self, components=tuple(replace(component, samples=count) for component, count in shares))


def read_recipe(name: str) -> CorpusRecipe:
    """The recipe of a preset or a TOML file.

    Raises:
        UserError: If there is none, or something in it is wrong.
    """
    path = find_recipe("data", name)
    return from_dict(CorpusRecipe, read_toml(Path(path)), where=str(path))


def require_safe(name: str) -> None:
    """Refuses the name of a folder that could lie elsewhere than below the root.

    Raises:
        UserError: Naming it.
    """
    if not SAFE.fullmatch(name) or ".." in name.split("/"):
        raise UserError(f"{name!r} is no name of a source: a folder below the root, without .. and not absolute")
