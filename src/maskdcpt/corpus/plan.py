"""What is made from what: every pair of a data set in a row of numbers, cut into shards."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.corpus.make import ATTEMPTS, Job, Original, Part, ShardTask
from maskdcpt.corpus.recipe import Component, CorpusRecipe
from maskdcpt.corpus.sources import Source, Sources, component_sources
from maskdcpt.corpus.table import SPLIT
from maskdcpt.errors import UserError
from maskdcpt.seeds import derive_seed

GROUP = 32
"""Most pairs of one original in a row; of more the others lie elsewhere, so that a shard stays a mixture."""


class Share(NamedTuple):
    """What comes of a component: asked for, from pairs, by the engine, and missing."""

    component: Component
    """The component."""
    paired: int
    """Pairs that are crops of the pairs of data sets."""
    engine: int
    """Pairs that the engine makes."""
    filled: int
    """Those of them that it makes in place of what missing sources leave open."""
    members: int
    """Pairs of data sets that there are for it."""
    originals: int
    """Clean images that there are for it, where the engine makes any."""
    missing: tuple[str, ...]
    """Sources of it that are not there, or have nothing for it."""

    @property
    def short(self) -> int:
        """Pairs that are asked for and not made."""
        return self.component.samples - self.paired - self.engine


class _Members(NamedTuple):
    """Images that a component may take, in a row."""

    source: NDArray[np.uint16]
    image: NDArray[np.int32]


_NONE = _Members(np.empty(0, np.uint16), np.empty(0, np.int32))


@dataclass(frozen=True, eq=False)
class Plan:
    """Every pair of a data set, in the order of shards; within a shard rows are shuffled once more.

    Sixteen bytes a pair; tasks are put together when they are needed.
    """

    recipe: CorpusRecipe
    """What was asked for."""
    sources: tuple[Source, ...]
    """Where images come from."""
    parts: tuple[Part, ...]
    """What pairs there are."""
    shares: tuple[Share, ...]
    """What comes of each component of the recipe."""
    part: NDArray[np.uint16]
    """Part of each pair."""
    source: NDArray[np.uint16]
    """Source of each pair."""
    image: NDArray[np.int32]
    """Number of its original in the source."""
    number: NDArray[np.int32]
    """Which pair of the part it is among those from this original."""
    level: NDArray[np.int16]
    """Place of its level; -1 for pairs of data sets."""
    members: Mapping[int, _Members]
    """What each part may take, for replacements."""

    def __len__(self) -> int:
        return len(self.part)

    @property
    def shards(self) -> int:
        """Number of files."""
        return -(-len(self) // self.recipe.shard)

    def file(self, shard: int) -> str:
        """Name of a file, as the ``datasets`` library names them."""
        return f"{SPLIT}-{shard:05d}-of-{self.shards:05d}.parquet"

    def task(self, shard: int, folder: Path) -> ShardTask:
        """Everything needed to make a shard.

        Args:
            shard: Its number.
            folder: Where it is to lie.
        """
        first = shard * self.recipe.shard
        size = min(self.recipe.shard, len(self) - first)
        return self.task_of(
            first + _rng(self.recipe, "rows", shard).permutation(size), shard, folder / self.file(shard)
        )

    def task_of(self, pairs: NDArray[np.int64], shard: int, path: Path) -> ShardTask:
        """A task to make any pairs.

        Args:
            pairs: Their places in the plan, in the order of rows.
            shard: What replacements are drawn by.
            path: Its file.
        """
        columns = (array[pairs].tolist() for array in (self.part, self.source, self.image, self.number, self.level))
        originals: dict[tuple[int, int], int] = {}
        jobs = []
        for part, source, image, number, level in zip(*columns, strict=True):
            jobs.append(Job(part, originals.setdefault((source, image), len(originals)), number, level))
        instead = {}
        for part in sorted({job.part for job in jobs}):
            every = self.members[part]
            drawn = _rng(self.recipe, "instead", self.parts[part].name, shard).integers(len(every.image), size=ATTEMPTS)
            others = zip(every.source[drawn].tolist(), every.image[drawn].tolist(), strict=True)
            instead[part] = tuple(dict.fromkeys(originals.setdefault(other, len(originals)) for other in others))
        return ShardTask(
            shard=shard,
            path=path,
            recipe=self.recipe,
            parts=self.parts,
            jobs=tuple(jobs),
            originals=tuple(self._original(source, image) for source, image in originals),
            instead=instead,
            first=len(self) + shard * self.recipe.shard,
        )

    def _original(self, number: int, image: int) -> Original:
        source = self.sources[number]
        licence = source.licences[source.licence[image]]
        return Original(
            source=source.name,
            key=_text(source.keys[image]),
            clean=source.file(source.clean[image]),
            degraded=None if source.degraded is None else source.file(source.degraded[image]),
            embedded=source.folder is None,
            real=source.real,
            types=source.basic[image],
            licence=licence.name,
            commercial=licence.commercial,
        )


def make_plan(recipe: CorpusRecipe, sources: Sources, usable: Mapping[str, NDArray[np.bool_]] | None = None) -> Plan:
    """Plans a data set; 2.5 million pairs take seconds.

    Args:
        recipe: What is wanted.
        sources: What there is.
        usable: By source which of its clean images are good enough for the engine; all of those not named.

    Raises:
        UserError: If nothing can be made.
    """
    found = tuple(sources.found.values())
    numbers = {source.name: number for number, source in enumerate(found)}
    good = usable or {}
    parts: list[Part] = []
    shares: list[Share] = []
    columns: list[tuple[NDArray[np.generic], ...]] = []
    members: dict[int, _Members] = {}

    def deal(part: Part, every: _Members, samples: int) -> None:
        number = len(parts)
        parts.append(part)
        members[number] = every
        rng = _rng(recipe, "deal", part.name)
        # Rounds over all originals, so that each has as many pairs as any other, or one more.
        turn = np.arange(samples) % len(every.image)
        which = rng.permutation(len(every.image))[turn]
        levels = _deal_levels(part.component, samples, rng) if part.engine else np.full(samples, -1, np.int16)
        number_of = (np.arange(samples) // len(every.image)).astype(np.int32)
        columns.append(
            (np.full(samples, number, np.uint16), every.source[which], every.image[which], number_of, levels)
        )

    for component in recipe.components:
        names = component_sources(component, recipe)
        lacking = [name for name in names if name not in numbers]
        paired = engine = filled = available = clean = 0
        if component.make == "pairs":
            every = _pairs(component, [(numbers[name], found[numbers[name]]) for name in names if name in numbers])
            available = len(every.image)
            here = set(every.source.tolist())
            lacking += [f"{name} (nothing for it)" for name in names if name in numbers and numbers[name] not in here]
            paired = min(
                component.samples, available * component.most_each if component.most_each else component.samples
            )
            paired = paired if available else 0
            if paired:
                deal(Part(component.name, component, False), every, paired)
        rest = component.samples - paired
        if rest and (component.make == "engine" or component.otherwise == "engine"):
            own = component.make == "engine"
            every = (
                _cleans([(numbers[name], found[numbers[name]]) for name in names if name in numbers], good)
                if own
                else _NONE
            )
            if not len(every.image) and component.otherwise == "engine":
                own = False
                every = _cleans(
                    [(numbers[name], found[numbers[name]]) for name in recipe.clean if name in numbers], good
                )
            clean = len(every.image)
            if clean:
                engine = rest
                filled = 0 if own else rest
                deal(Part(component.name if own else f"{component.name}+engine", component, True), every, engine)
        if component.samples:
            shares.append(Share(component, paired, engine, filled, available, clean, tuple(lacking)))
    if not columns:
        reasons = [f"{source.name}: {source.reason}" for source in sources.missing] or ["no image is good enough"]
        others = [f"and {len(reasons) - 3} more"] if len(reasons) > 4 else reasons[3:]
        raise UserError(f"nothing of {recipe.name} can be made: {'; '.join((*reasons[:3], *others))}")
    part, source, image, number, level = (np.concatenate(values) for values in zip(*columns, strict=True))
    order = _order(recipe, source, image, [len(each) for each in found])
    return Plan(
        recipe=recipe,
        sources=found,
        parts=tuple(parts),
        shares=tuple(shares),
        part=part[order],
        source=source[order],
        image=image[order],
        number=number[order],
        level=level[order],
        members=members,
    )


def clean_sources(recipe: CorpusRecipe, sources: Sources) -> list[Source]:
    """The sources whose clean images the engine may damage."""
    names = [
        name
        for component in recipe.components
        if component.samples
        for name in (
            *(component_sources(component, recipe) if component.make == "engine" else ()),
            *(recipe.clean if component.otherwise == "engine" else ()),
        )
    ]
    return [sources.found[name] for name in dict.fromkeys(names) if name in sources.found]


def _order(
    recipe: CorpusRecipe, source: NDArray[np.generic], image: NDArray[np.generic], sizes: list[int]
) -> NDArray[np.intp]:
    """Pairs of one original beside each other, at most ``GROUP`` of them, and these groups in random order."""
    rng = _rng(recipe, "order")
    offsets = np.concatenate(([0], np.cumsum(sizes)[:-1])).astype(np.int64)
    original = offsets[source.astype(np.intp)] + image.astype(np.int64)
    shuffled = rng.permutation(len(original))
    order = shuffled[np.argsort(original[shuffled], kind="stable")]
    ordered = original[order]
    fresh = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    start = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
    fresh |= (np.arange(len(order)) - start) % GROUP == 0
    group = np.cumsum(fresh) - 1
    place = rng.permutation(int(group[-1]) + 1)
    return order[np.argsort(place[group], kind="stable")]


def _deal_levels(component: Component, samples: int, rng: Generator) -> NDArray[np.int16]:
    """A level for each pair: all groups of levels as often, or one more, and so each level within its group."""
    groups = component.levels
    sizes = np.full(len(groups), samples // len(groups))
    sizes[: samples % len(groups)] += 1
    dealt = [
        np.resize(rng.permutation(np.array(group, np.int16)), size) for group, size in zip(groups, sizes, strict=True)
    ]
    levels: NDArray[np.int16] = rng.permutation(np.concatenate(dealt))
    return levels


def _pairs(component: Component, sources: list[tuple[int, Source]]) -> _Members:
    chosen = []
    for number, source in sources:
        if source.degraded is None:
            continue
        fits = np.array([name in (None, component.type) for name in source.types], bool)
        if component.keys is not None:
            fits &= np.array([fnmatch.fnmatchcase(key, component.keys) for key in source.keys], bool)
        chosen.append((number, np.flatnonzero(fits)))
    return _joined(chosen)


def _cleans(sources: list[tuple[int, Source]], usable: Mapping[str, NDArray[np.bool_]]) -> _Members:
    chosen = []
    for number, source in sources:
        # One clean image may be that of several pairs.
        first: dict[str, int] = {}
        for place, name in enumerate(source.clean):
            first.setdefault(name, place)
        places = np.fromiter(first.values(), np.int64, len(first))
        if source.name in usable:
            places = places[usable[source.name][places]]
        chosen.append((number, places))
    return _joined(chosen)


def _joined(chosen: list[tuple[int, NDArray[np.int64]]]) -> _Members:
    if not chosen:
        return _NONE
    return _Members(
        np.concatenate([np.full(len(places), number, np.uint16) for number, places in chosen]),
        np.concatenate([places.astype(np.int32) for _, places in chosen]),
    )


def _rng(recipe: CorpusRecipe, *parts: int | str) -> Generator:
    return np.random.default_rng(derive_seed("plan", recipe.seed, *parts))


def _text(name: str) -> str:
    # File names may hold bytes that are no text; a table holds text.
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
