"""Several sources as one: which image a sample shows, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.data.config import DataConfig, SourceConfig
from maskdcpt.data.labels import basic_types
from maskdcpt.data.pairs import ANY, CACHE, CleanPairs, FolderPairs, Pair, Pairs
from maskdcpt.data.sources import CleanImages, EmbeddedImages, FolderImages
from maskdcpt.errors import UserError, naming


class Source(NamedTuple):
    """Images of one origin, with their share."""

    name: str
    """What it is called; empty where it is the only one."""
    pairs: Pairs
    """The images."""
    repeat: float
    """How often one is shown for one of a source that has 1 here."""
    types: tuple[int, ...]
    """What images without a label may be damaged by: indices of ``data.types``."""
    place: str
    """Its folder or file, for messages."""


class Drawn(NamedTuple):
    """Which image a sample shows."""

    source: int
    """Number of the source."""
    image: int
    """Number of the image in it."""
    label: int | None
    """Index of its type; None where any of the source's types is still to be drawn."""


class _Share(NamedTuple):
    """The images of one source that can be of one type."""

    source: int
    images: NDArray[np.intp] | None
    """Their numbers; None for all."""
    size: int
    weight: float


class TrainingData:
    """All images that a run is trained on.

    With ``balance = "types"`` a type is drawn first, all alike, then a source in proportion to ``repeat`` times its
    images of that type, then one of these, all alike. With ``balance = "images"`` the source is drawn first, in
    proportion to ``repeat`` times its images, then one of these, and where the engine damages it, one of the types.
    The two are one and the same where every image can be of every type.

    Args:
        sources: Where the images come from.
        config: What types there are and how they are balanced.

    Raises:
        UserError: If a type occurs in no source.
    """

    def __init__(self, sources: Sequence[Source], config: DataConfig) -> None:
        self._sources = tuple(sources)
        every = tuple(range(len(config.types)))
        self._all = [
            _Share(number, None, len(source.pairs.labels), source.repeat * len(source.pairs.labels))
            for number, source in enumerate(self._sources)
        ]
        self._of_type = [self._shares(label) for label in every]
        for name, shares in zip(config.types, self._of_type, strict=True):
            if not shares:
                raise UserError(f"data.types: {name!r} occurs in no source; leave it out or add a source that has it")
        self._types = config.types
        self._epoch_ends = np.cumsum([int(source.repeat) * len(source.pairs.labels) for source in self._sources])
        free = all(source.types == every and (source.pairs.labels == ANY).all() for source in self._sources)
        self._image_first = free or config.balance == "images"

    @property
    def names(self) -> list[str]:
        """One line an image or pair, in the order that samples are drawn by."""
        return [
            f"{source.name}/{name}{'' if label == ANY else f' {self._types[label]}'}" if source.name else name
            for source in self._sources
            for name, label in zip(source.pairs.names, source.pairs.labels.tolist(), strict=True)
        ]

    def draw(self, rng: Generator) -> Drawn:
        """Draws an image."""
        if not self._image_first:
            return self._within(int(rng.integers(len(self._types))), rng)
        share, image = _pick(self._all, rng)
        return self._drawn(share.source, image)

    @property
    def epoch(self) -> int:
        """How many images all sources together show, each as often as its source's ``repeat`` says."""
        return int(self._epoch_ends[-1])

    def at(self, place: int) -> Drawn:
        """The image at a place in an epoch, before it is shuffled: source after source, each ``repeat`` times."""
        source = int(np.searchsorted(self._epoch_ends, place, side="right"))
        labels = self._sources[source].pairs.labels
        image = (place - int(self._epoch_ends[source - 1] if source else 0)) % len(labels)
        return self._drawn(source, image)

    def draw_again(self, drawn: Drawn, rng: Generator) -> Drawn:
        """Draws another image in place of one that cannot be read, so that its type stays as likely as it was."""
        return self._within(self.draw_label(drawn, rng), rng)

    def draw_label(self, drawn: Drawn, rng: Generator) -> int:
        """The type of a drawn image, now drawn if it was not yet."""
        if drawn.label is not None:
            return drawn.label
        types = self._sources[drawn.source].types
        return types[int(rng.integers(len(types)))]

    def read(self, drawn: Drawn) -> Pair:
        """The image, with what is known of its damage.

        Raises:
            UserError: If it cannot be read.
        """
        return self._sources[drawn.source].pairs[drawn.image]

    def describe(self, drawn: Drawn) -> tuple[str, str, str]:
        """Name of the source, name of the image in it, and where the source is."""
        source = self._sources[drawn.source]
        return source.name, source.pairs.names[drawn.image], source.place

    def _drawn(self, source: int, image: int) -> Drawn:
        label = int(self._sources[source].pairs.labels[image])
        return Drawn(source, image, None if label == ANY else label)

    def _within(self, label: int, rng: Generator) -> Drawn:
        share, image = _pick(self._of_type[label], rng)
        return Drawn(share.source, image, label)

    def _shares(self, label: int) -> list[_Share]:
        shares = []
        for number, source in enumerate(self._sources):
            labels = source.pairs.labels
            fits = (labels == label) | ((labels == ANY) & (label in source.types))
            count = int(fits.sum())
            if count:
                images = None if count == len(labels) else np.flatnonzero(fits)
                shares.append(_Share(number, images, count, source.repeat * count))
        return shares


def _pick(shares: Sequence[_Share], rng: Generator) -> tuple[_Share, int]:
    share = shares[0]
    if len(shares) > 1:
        ends = list(accumulate(share.weight for share in shares))
        place = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
        share = shares[min(place, len(shares) - 1)]
    place = int(rng.integers(share.size))
    return share, place if share.images is None else int(share.images[place])


def clean_data(images: CleanImages, config: DataConfig) -> TrainingData:
    """Clean images as all that there is, damaged by any of the types.

    Args:
        images: The images.
        config: What types there are.
    """
    place = config.folder or "the embedded images"
    return TrainingData([Source("", CleanPairs(images), 1.0, tuple(range(len(config.types))), place)], config)


def training_data(config: DataConfig) -> TrainingData:
    """The images that a configuration names.

    Raises:
        UserError: If a folder or file is missing or has no images, or what it holds does not fit the configuration.
    """
    if not config.sources:
        return clean_data(FolderImages(config.folder) if config.folder else EmbeddedImages("train"), config)
    return TrainingData([_open(source, config) for source in config.sources], config)


def image_folders(config: DataConfig) -> list[Path]:
    """Folders of which every image, in folders below too, is trained on; those that tables name are not among them."""
    root = Path(config.folder or ".")
    if not config.sources:
        return [root] if config.folder else []
    folders = []
    for source in config.sources:
        place = root / source.folder
        folders += {"clean": [place], "pairs": [place / source.clean, place / source.degraded]}.get(source.kind, [])
    return folders


def _open(source: SourceConfig, config: DataConfig) -> Source:
    place = Path(config.folder or ".") / source.folder
    with naming(f"data.sources, {source.title}"):
        pairs = _read(source, place, config, CACHE // len(config.sources))
    types = tuple(config.types.index(name) for name in source.types if name in config.types)
    if source.kind == "pairs" or not source.types:
        types = tuple(range(len(config.types)))
    return Source(source.title, pairs, source.repeat, types, str(place))


def _read(source: SourceConfig, place: Path, config: DataConfig, limit: int) -> Pairs:
    match source.kind:
        case "clean":
            return CleanPairs(FolderImages(place), limit)
        case "embedded":
            return CleanPairs(EmbeddedImages("train"), limit)
        case "pairs":
            assert source.type is not None
            basic = source.types
            if config.labels == "multi" and not basic:
                basic = basic_types(source.type)
            label = config.types.index(source.type)
            return FolderPairs(place / source.clean, place / source.degraded, label, basic, limit)
        case "manifest":
            from maskdcpt.data.manifest import ManifestPairs

            return ManifestPairs(place, source, config, limit)
        case "shards":
            from maskdcpt.data.shards import ShardPairs

            return ShardPairs(place, source, config, limit)
