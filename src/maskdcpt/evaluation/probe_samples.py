"""What a probe asks of features: which damage of which images, what is hidden of them, what is learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from maskdcpt.data import CleanImages, central_crop
from maskdcpt.degradations import CATALOGUE, apply
from maskdcpt.errors import UserError, naming, nearest, require
from maskdcpt.evaluation.features import Indices
from maskdcpt.masking import VisibleMask
from maskdcpt.progress import progress_bar
from maskdcpt.seeds import derive_seed

VERSION = 1
"""Grows with every change that may change a number; results of different versions are not comparable."""

LEAST = 6
"""Samples a type at least: fewer leave less than five neighbours to learn from."""


@dataclass(frozen=True)
class ProbeProtocol:
    """What is asked of features. Of S clean images a third is asked about, and the others are learnt from."""

    name: str
    """What the command line calls it."""
    types: tuple[str, ...]
    """Types of damage or kinds of level, the classes."""
    samples: int = 100
    """Images a class; each is one clean image, damaged at a level drawn for it."""
    side: int = 128
    """Side of the central crop in pixels."""
    neighbours: int = 5
    """How many nearest samples vote."""
    seeds: tuple[int, ...] = (0, 223, 929, 1234, 10086)
    """Each divides the clean images anew; those of the paper's predecessor."""

    def __post_init__(self) -> None:
        if len(self.types) < 2 or len(set(self.types)) != len(self.types):
            raise UserError("types: two or more are needed, each only once")
        with naming("types"):
            for name in self.types:
                CATALOGUE[name].require_levels()
        levels = [level for name in self.types for level in CATALOGUE[name].levels]
        if len(set(levels)) != len(levels):
            raise UserError("types: a type and a kind of it cannot both be classes")
        require("samples", self.samples, LEAST, np.inf)
        require("crop", self.side, 1, np.inf)

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1 / len(self.types)

    @property
    def tested(self) -> int:
        """Clean images that are asked about in one division."""
        return self.samples // 3


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        ProbeProtocol("5d", ("gaussian_noise", "motion_blur", "haze", "rain_streak", "low_light")),
        ProbeProtocol("19", CATALOGUE.names),
    )
}


def find_probe_protocol(name: str) -> ProbeProtocol:
    """The protocol of a name.

    Raises:
        UserError: If there is none.
    """
    if name not in PROTOCOLS:
        raise UserError(f"no probe protocol is called {name!r}{nearest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


class Samples(NamedTuple):
    """Damaged images: every clean image once in every class."""

    images: Tensor
    """(N, 3, side, side) in [0, 1]."""
    labels: Indices
    """Which of the protocol's types each was damaged with (N,)."""
    sources: Indices
    """Which clean image each was made from (N,)."""


def chosen_images(protocol: ProbeProtocol, count: int) -> list[int]:
    """Which of so many clean images are taken, in order."""
    drawn = np.random.default_rng(derive_seed("probe images", VERSION)).permutation(count)
    return sorted(drawn[: protocol.samples].tolist())


def make_samples(protocol: ProbeProtocol, clean: CleanImages) -> Samples:
    """Damages clean images; what becomes of one depends on its name and the type alone.

    Raises:
        UserError: If there are fewer images than the protocol takes, or one is too small or cannot be read.
    """
    count = len(clean.names)
    if count < protocol.samples:
        fewer = (
            f"--samples {count} takes no more" if count >= LEAST else f"{LEAST} are the least, with --samples {LEAST}"
        )
        raise UserError(f"{count} clean images, and {protocol.samples} are needed, one a sample of each type; {fewer}")
    images, labels, sources = [], [], []
    with progress_bar(total=protocol.samples, title="damaging", unit="image") as bar:
        for source in chosen_images(protocol, count):
            name = clean.names[source]
            crop = central_crop(clean[source], protocol.side)
            if min(crop.shape[-2:]) < protocol.side:
                size = "x".join(str(extent) for extent in clean[source].shape[-2:])
                raise UserError(f"{name}: {size} pixels, and the crop is {protocol.side}; --crop takes a smaller one")
            for label, type_name in enumerate(protocol.types):
                own = derive_seed("probe sample", VERSION, type_name, name)
                level = CATALOGUE[type_name].draw(np.random.default_rng(own))
                images.append(apply(crop, level, seed=own))
                labels.append(label)
                sources.append(source)
            bar.update()
    return Samples(torch.stack(images), np.array(labels), np.array(sources))


def draw_visible(protocol: ProbeProtocol, ratio: float, patch: int) -> Tensor | None:
    """What each sample may show, as ``VisibleMask.visible``; None where nothing is hidden.

    Each sample has a generator of its own, and what one ratio hides a larger one hides as well.

    Raises:
        UserError: If the ratio is none, or the crop is not a whole number of patches.
    """
    if ratio == 0:
        return None
    if patch < 1 or protocol.side % patch:
        raise UserError(f"crop is {protocol.side} and patch {patch}; a crop is a whole number of patches")
    cells = protocol.side // patch
    masks = [
        VisibleMask.random(1, (cells, cells), ratio, generator=torch.Generator().manual_seed(seed)).visible
        for seed in (
            derive_seed("probe mask", VERSION, index) for index in range(protocol.samples * len(protocol.types))
        )
    ]
    return torch.cat(masks)


def divide(protocol: ProbeProtocol, samples: Samples, seed: int) -> tuple[Indices, Indices]:
    """Divides the samples two to one by their clean images, at random.

    Returns:
        Positions of the samples to learn from, and of those that are asked about. They share no clean image.
    """
    sources = np.unique(samples.sources)
    order = np.random.default_rng(derive_seed("probe division", VERSION, seed)).permutation(sources)
    asked = np.isin(samples.sources, order[: protocol.tested])
    return np.flatnonzero(~asked), np.flatnonzero(asked)
