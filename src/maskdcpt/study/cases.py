"""What networks of a study are measured on: damaged images with their originals, always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from maskdcpt.data import CachedImages, CentralCrops, CleanImages, EmbeddedImages, FolderImages
from maskdcpt.degradations import CATALOGUE, Level, apply
from maskdcpt.degradations.catalogue import from_dict as level_from_dict
from maskdcpt.errors import UserError
from maskdcpt.evaluation.locate import Item, locate, read_item
from maskdcpt.evaluation.testset import PairFolders, PhotoFolders, Protocol
from maskdcpt.evaluation.testset import TestSet as FolderSet
from maskdcpt.images import list_images
from maskdcpt.seeds import derive_seed
from maskdcpt.study.recipe import ProbeConfig, StudyConfig, TestConfig, untrained_types


class Case(NamedTuple):
    """One image to restore."""

    group: str
    """Type of damage, or the folder of pairs or photos; means of groups are averaged."""
    image: str
    """Name of the image, with its folder."""
    level: str
    """The damage as text, empty where it was found on the disk."""
    clean: Tensor | None
    """(3, H, W) in [0, 1]; None of photos."""
    degraded: Tensor
    """(3, H, W) in [0, 1]."""


class SomeImages:
    """Clean images of several folders, one after another, or the embedded ones.

    Args:
        root: Folder that the others are in.
        folders: Which; none for the embedded test images.
        most: Images of each folder that are taken, the first in order; 0 for all.

    Raises:
        UserError: If a folder is missing or has no images.
    """

    def __init__(self, root: Path | None, folders: Sequence[str], most: int = 0) -> None:
        self._places: list[tuple[CleanImages, int]] = []
        self.names: list[str] = []
        for title, images in self._sets(root, folders):
            count = len(images.names)
            for index in range(min(most, count) if most else count):
                self._places.append((images, index))
                self.names.append(f"{title}{images.names[index]}")

    @staticmethod
    def _sets(root: Path | None, folders: Sequence[str]) -> Iterator[tuple[str, CleanImages]]:
        if not folders:
            yield "", EmbeddedImages("test")
        for folder in folders:
            yield f"{Path(folder).name}/", FolderImages(find_folder(root, folder))

    def __getitem__(self, index: int) -> Tensor:
        images, place = self._places[index]
        return images[place]


@lru_cache(maxsize=8)
def some_images(root: Path | None, folders: tuple[str, ...], most: int = 0) -> CleanImages:
    """As ``SomeImages``, kept in memory for the next network, eight bits a value."""
    return CachedImages(SomeImages(root, folders, most))


def find_folder(root: Path | None, name: str) -> Path:
    """A folder of test images.

    Raises:
        UserError: If it is not there.
    """
    if root is None:
        raise UserError(f"--tests DIR is needed, the folder that the test images of the recipe are in, such as {name}")
    if not (root / name).is_dir():
        raise UserError(f"{root / name}: no such folder of test images; --tests names the folder that {name} is in")
    return root / name


def cases(test: TestConfig, root: Path | None, types: Sequence[str]) -> Iterator[Case]:
    """The cases of a test, image by image.

    Args:
        test: Which.
        root: Folder that its folders are in.
        types: Types of damage that networks are trained on.

    Raises:
        UserError: If images are missing or cannot be read.
    """
    if test.damage in ("pairs", "photos"):
        yield from _found(test, root)
        return
    images = some_images(root, test.folders, test.images)
    cut = CentralCrops(images, test.crop)
    for number, name in enumerate(images.names):
        clean = cut[number]
        for group, level in _levels(test, number, types):
            degraded = apply(clean, level, seed=derive_seed("study", test.name, name, group))
            yield Case(group, name, str(level), clean, degraded)


def count_cases(test: TestConfig, root: Path | None, types: Sequence[str]) -> int:
    """How many cases a test has.

    Raises:
        UserError: If images are missing.
    """
    if test.damage in ("pairs", "photos"):
        return sum(1 for _ in _items(test, root))
    return len(some_images(root, test.folders, test.images).names) * len(_levels(test, 0, types))


def images_identity(study: StudyConfig, root: Path | None) -> str:
    """Hash of the names and sizes of all images that networks are measured on.

    Raises:
        UserError: If a folder is missing.
    """
    digest = hashlib.sha256()
    parts: list[TestConfig | ProbeConfig] = [*study.tests, study.probe]
    for folder in sorted({folder for part in parts for folder in part.folders}):
        place = find_folder(root, folder)
        for path in list_images(place):
            line = f"{folder}/{path.relative_to(place).as_posix()} {path.stat().st_size}\n"
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def _levels(test: TestConfig, number: int, types: Sequence[str]) -> list[tuple[str, Level]]:
    """The damage of an image: its group and its level."""
    if test.damage == "levels":
        levels = [level_from_dict(level) for level in test.levels]
        return [(level.type_name, level) for level in levels]
    if test.damage == "trained":
        return [(name, CATALOGUE[name].levels[number % len(CATALOGUE[name].levels)]) for name in types]
    return [(name, CATALOGUE[name].middle) for name in untrained_types(types, mixed=test.damage == "mixtures")]


def _found(test: TestConfig, root: Path | None) -> Iterator[Case]:
    for folder, item in _items(test, root):
        clean, degraded = read_item(item, test.crop)
        assert degraded is not None
        yield Case(folder, f"{folder}/{item.key}", "", clean, degraded)


def _items(test: TestConfig, root: Path | None) -> Iterator[tuple[str, Item]]:
    source = PairFolders() if test.damage == "pairs" else PhotoFolders()
    protocol = Protocol(test.name, 1, (FolderSet(name=test.name, task=test.name, source=source),))
    for folder in test.folders:
        place = find_folder(root, folder)
        located = locate(protocol, place)
        if located.problems:
            raise UserError(f"{located.problems[0]}; name other folders in test {test.name}")
        for each in located.sets:
            for item in each.items[: test.images or None]:
                yield each.name, item
