"""Where the images of a protocol are on this disk, and what of them is missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from maskdcpt.data import EmbeddedImages, central_crop
from maskdcpt.datasets import DATASETS
from maskdcpt.errors import UserError
from maskdcpt.evaluation.damage import Damage
from maskdcpt.evaluation.testset import CleanFolder, PairFolders, PhotoFolders, Protocol, Source, Split, TestSet
from maskdcpt.images import image_size, images_by_name, is_image, list_images, read_image
from maskdcpt.metrics.fidelity import WINDOW

CLEAN_NAMES = ("gt", "clean", "target", "sharp", "high", "clear", "norain")
"""What folders of clean images are called in pairs of one's own."""

DAMAGED_NAMES = ("lq", "degraded", "input", "blur", "low", "hazy", "rain", "noisy")
"""What folders of damaged images are called there."""


class Item(NamedTuple):
    """One image of a test set, or one pair."""

    key: str
    """Its name, unique in the set."""
    clean: Path | None
    """The clean image; None where there is none, or it is embedded."""
    degraded: Path | None
    """The damaged image; None where it is made."""
    type: str = ""
    """Type of damage, empty where it is not known."""


@dataclass(frozen=True, eq=False)
class LocatedSet:
    """A test set with its images."""

    spec: TestSet
    """What it is."""
    items: tuple[Item, ...]
    """Its images."""
    where: str
    """Where they are, for people."""

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name

    @property
    def damages(self) -> tuple[Damage | None, ...]:
        """What is done to each image: None alone where it is damaged on the disk."""
        return self.spec.damages or (None,)

    @cached_property
    def output_names(self) -> dict[str, str]:
        """For each key the path of a result below the folder of the set, without suffix: no two are the same."""
        stems = {item.key: _stem(item.key) for item in self.items}
        counts = Counter(stems.values())
        return {key: stem if counts[stem] == 1 else key for key, stem in stems.items()}

    @cached_property
    def last_parts(self) -> Counter[str]:
        """How often each last part of these paths occurs."""
        return Counter(name.rpartition("/")[2] for name in self.output_names.values())


@lru_cache(maxsize=2)
def read_item(item: Item, crop: int) -> tuple[Tensor | None, Tensor | None]:
    """The clean and the damaged image of an item, None for what does not exist; not to be written to.

    Args:
        item: Which.
        crop: Side of the middle part that is taken, in pixels; 0 for all.

    Raises:
        UserError: If one cannot be read, or their sizes differ.
    """
    clean = read_image(item.clean).pixels if item.clean is not None else None
    degraded = read_image(item.degraded).pixels if item.degraded is not None else None
    if clean is None and degraded is None:
        images = EmbeddedImages("test")
        clean = images[images.names.index(item.key)]
    if clean is not None and degraded is not None and clean.shape != degraded.shape:
        raise UserError(f"{item.degraded}: {_extent(degraded)} pixels, and its clean image {_extent(clean)}")
    if crop:
        clean, degraded = (None if image is None else central_crop(image, crop) for image in (clean, degraded))
    return clean, degraded


class Located(NamedTuple):
    """A protocol on this disk."""

    sets: tuple[LocatedSet, ...]
    """What can be measured, in the order of the protocol."""
    problems: tuple[str, ...]
    """What is missing or does not fit, a statement each."""


def locate(protocol: Protocol, data: Path | None) -> Located:
    """Finds the images of a protocol and checks that they are all there, and that pairs are of one size.

    Args:
        protocol: What is to be measured.
        data: For public data sets the folder that they are in, each in its own; for other sources a folder of images.

    Raises:
        UserError: If the folder does not exist, or is needed and not named.
    """
    if data is None and not protocol.any_folder:
        raise UserError(f"protocol {protocol.name} needs --data; maskdcpt evaluate --list tells what is expected there")
    if data is not None and not data.is_dir():
        raise UserError(f"{data}: {'a file, not a folder' if data.exists() else 'no such folder'}")
    found: dict[Source, list[_Found]] = {}
    sets: list[LocatedSet] = []
    problems: list[str] = []
    for spec in protocol.sets:
        if spec.source not in found:
            found[spec.source] = [_checked(each) for each in _find(spec.source, data)]
        for part in found[spec.source]:
            if part.problem:
                problems.append(f"{part.title}: {part.problem}")
            items = _last_of_clean(part.items) if spec.last_of_clean else part.items
            if items:
                named = replace(spec, name=part.name, task=part.name) if part.name else spec
                sets.append(LocatedSet(named, tuple(items), part.where))
    return Located(tuple(sets), tuple(dict.fromkeys(problems)))


@dataclass(frozen=True)
class _Found:
    title: str
    items: tuple[Item, ...]
    where: str
    problem: str = ""
    name: str = ""


def _find(source: Source, data: Path | None) -> list[_Found]:
    match source:
        case CleanFolder():
            return [_clean_folder(data)]
        case Split():
            assert data is not None
            return [_split(source, data)]
        case PairFolders():
            assert data is not None
            return _folders(data, _pairs, "gt and lq, or another usual pair of names")
        case PhotoFolders():
            assert data is not None
            return _folders(data, _photos, "images")


def _clean_folder(data: Path | None) -> _Found:
    if data is None:
        items = tuple(Item(name, None, None) for name in EmbeddedImages("test").names)
        return _Found("embedded", items, "embedded test images")
    items = tuple(Item(path.relative_to(data).as_posix(), path, None) for path in list_images(data))
    return _Found(str(data), items, str(data))


def _split(source: Split, data: Path) -> _Found:
    entry = DATASETS[source.dataset]
    folder = data / entry.folder
    part = bool(source.only or source.types)
    expected = source.count or (None if part else entry.counts.get(source.split))
    count = f"{expected:,} images expected; " if expected else ""
    found = _Found(f"{source.dataset} {source.split}", (), f"{folder}, {source.split}")
    if not folder.is_dir():
        return replace(found, problem=f"{folder} is not there ({count}{entry.homepage})")
    survey = entry.splits[source.split].survey(folder)
    items = tuple(
        Item(member.key, member.clean, member.degraded, member.type or "")
        for member in survey.members
        if re.search(source.only, member.key) and (not source.types or member.type in source.types)
    )
    found = replace(found, items=items)
    if not items:
        return replace(found, problem=f"nothing of it in {folder} ({count}{entry.homepage})")
    if survey.missing:
        return replace(found, problem=f"{len(survey.missing)} files missing in {folder}, such as {survey.missing[0]}")
    if expected is not None and len(items) != expected:
        return replace(found, problem=f"{len(items):,} images instead of {expected:,} in {folder}")
    return found


def _folders(data: Path, look: Callable[[Path], _Found | None], expected: str) -> list[_Found]:
    """What a folder holds itself, or each of the folders in it."""
    own = look(data)
    if own is not None:
        return [replace(own, name=data.resolve().name)]
    parts = [(path, look(path)) for path in sorted(data.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    found = [replace(part, name=path.name) for path, part in parts if part is not None]
    if not found:
        raise UserError(f"{data}: neither it nor a folder in it has {expected}")
    return found


def _pairs(folder: Path) -> _Found | None:
    clean, damaged = (
        next((folder / name for name in names if (folder / name).is_dir()), None)
        for names in (CLEAN_NAMES, DAMAGED_NAMES)
    )
    if clean is None or damaged is None:
        return None
    originals, pictures = (images_by_name(side) for side in (clean, damaged))
    items = tuple(Item(key, originals[key], path) for key, path in pictures.items() if key in originals)
    alone = sorted(originals.keys() ^ pictures.keys())
    problem = f"{len(alone)} images have no partner, such as {alone[0]}" if alone else ""
    return _Found(folder.name, items, str(folder), problem)


def _photos(folder: Path) -> _Found | None:
    if not any(is_image(path) for path in folder.iterdir() if path.is_file()):
        return None
    items = tuple(Item(path.relative_to(folder).as_posix(), None, path) for path in list_images(folder))
    return _Found(folder.name, items, str(folder))


def _last_of_clean(items: Sequence[Item]) -> tuple[Item, ...]:
    return tuple({item.clean: item for item in items}.values())


def _checked(found: _Found) -> _Found:
    """Leaves out what cannot be measured, and says so."""
    wrong = list(_wrong(found.items))
    if not wrong:
        return found
    bad = {key for key, _ in wrong}
    kept = tuple(item for item in found.items if item.key not in bad)
    problem = f"{len(wrong)} of {len(found.items)} cannot be measured, such as {wrong[0][0]} ({wrong[0][1]})"
    return replace(found, items=kept, problem="; ".join(filter(None, (found.problem, problem))))


def _wrong(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    for item in items:
        paths = [path for path in (item.clean, item.degraded) if path is not None]
        try:
            sizes = [image_size(path) for path in paths]
        except UserError:
            yield item.key, "not an image that can be read"
            continue
        if len(set(sizes)) > 1:
            yield item.key, f"{_cross(sizes[1])} pixels, and its clean image {_cross(sizes[0])}"
        elif sizes and min(sizes[0]) < WINDOW:
            yield item.key, f"{_cross(sizes[0])} pixels are too few; {WINDOW} or more a side are needed"


def _cross(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _extent(image: Tensor) -> str:
    return f"{image.shape[-1]} x {image.shape[-2]}"


def _stem(key: str) -> str:
    path = Path(key)
    return path.with_suffix("").as_posix() if is_image(path) else key
