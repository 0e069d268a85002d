"""What a source of training images is, and the two that are folders: clean images, and pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.data.sources import CachedImages, CleanImages
from maskdcpt.degradations import Level
from maskdcpt.errors import UserError
from maskdcpt.images import images_by_name, read_image

ANY = -1
"""In place of a label: the engine may do any type to the image."""

CACHE = 2**29
"""Bytes of images that a process keeps at most, over all sources."""


class Pair(NamedTuple):
    """An image, and as much as is known of its damage."""

    clean: Tensor
    """(3, H, W) in [0, 1]."""
    degraded: Tensor | None = None
    """The same damaged; None where the engine does it."""
    level: Level | None = None
    """What the damage is; None if that is not known, or is to be drawn."""
    basic: tuple[str, ...] = ()
    """The basic types in the damage, where more is known of them than the level or the label says."""


class Pairs(Protocol):
    """A fixed, ordered set of images or pairs of one origin."""

    @property
    def names(self) -> Sequence[str]:
        """One line a pair, unique."""
        ...

    @property
    def labels(self) -> NDArray[np.int16]:
        """Index of each one's type in ``data.types``, or ``ANY``."""
        ...

    def __getitem__(self, index: int) -> Pair:
        """The pair.

        Raises:
            UserError: If it cannot be read, naming the file.
        """
        ...


class CleanPairs:
    """Clean images, for the engine to damage.

    Args:
        images: The images.
        limit: Bytes of them to keep in memory.
    """

    def __init__(self, images: CleanImages, limit: int = CACHE) -> None:
        self.names = images.names
        self.labels = np.full(len(images.names), ANY, np.int16)
        self._images = CachedImages(images, limit)

    def __getitem__(self, index: int) -> Pair:
        return Pair(self._images[index])


class FolderPairs:
    """Pairs in two folders, under the same names apart from the suffix.

    Args:
        clean: Folder of the clean images.
        degraded: Folder of the damaged ones.
        label: Index of their type.
        basic: Basic types in the damage.
        limit: Bytes of images to keep in memory.

    Raises:
        UserError: If a folder is missing, or an image has no partner or more than one.
    """

    def __init__(self, clean: Path, degraded: Path, label: int, basic: tuple[str, ...], limit: int = CACHE) -> None:
        originals, damaged = images_by_name(clean), images_by_name(degraded)
        for one, other, lone in (
            (clean, degraded, [name for name in originals if name not in damaged]),
            (degraded, clean, [name for name in damaged if name not in originals]),
        ):
            if lone:
                raise UserError(
                    f"{one}: {len(lone)} images have no partner in {other}, {lone[0]} the first; "
                    "a pair has one name apart from the suffix, and other pairs need a manifest"
                )
        self.names = list(originals)
        self.labels = np.full(len(self.names), label, np.int16)
        self._basic = basic
        self._files = ImageFiles([path for name in originals for path in (originals[name], damaged[name])])
        self._images = CachedImages(self._files, limit)

    def __getitem__(self, index: int) -> Pair:
        clean, degraded = self._images[2 * index], self._images[2 * index + 1]
        require_one_size(clean, degraded, self._files.names[2 * index + 1])
        return Pair(clean, degraded, basic=self._basic)


class ImageFiles:
    """Image files anywhere, by their paths.

    Args:
        paths: The files; ones that are never asked for may be missing.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.names = [str(path) for path in paths]

    def __getitem__(self, index: int) -> Tensor:
        return read_image(self.names[index]).pixels


def require_one_size(clean: Tensor, degraded: Tensor, name: object) -> None:
    """Refuses a pair whose images differ in size.

    Raises:
        UserError: Naming the damaged image.
    """
    if clean.shape != degraded.shape:
        sizes = [f"{image.shape[2]} x {image.shape[1]}" for image in (degraded, clean)]
        raise UserError(f"{name}: {sizes[0]} pixels, and its clean image has {sizes[1]}; a pair has one size")
