"""Synthetic damage beside real damage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from maskdcpt.data import CleanImages, central_crop
from maskdcpt.data.labels import class_title
from maskdcpt.degradations import CATALOGUE, Level, apply
from maskdcpt.evaluation.realism import BINS, NOISE_BINS, STEPS, Distances, Statistics, distances, statistics
from maskdcpt.images import list_images, read_image
from maskdcpt.inference import Restorer
from maskdcpt.progress import progress_bar
from maskdcpt.reports.page import Picture, Strip, picture, write_page
from maskdcpt.reports.plots import Curve, plot
from maskdcpt.seeds import derive_seed

SIDE = 512
"""Images are measured on their middle, at most this many pixels high and wide."""

SHOWN = 256
"""Side of the parts that are shown, in pixels."""

SETS = ("real", "synthetic", "clean")


class Section(NamedTuple):
    """One type on the page."""

    title: str
    """Name of the type."""
    real: int
    """Number of real photos."""
    strips: list[Strip]
    """Real and synthetic examples."""
    plots: list[Picture]
    """Statistics of the three sets."""
    synthetic: Distances
    """Of the synthetic images from the real ones."""
    clean: Distances
    """Of the clean images from the real ones."""


class Named(NamedTuple):
    """How a classifier names the real photos of a type."""

    title: str
    """Name of the type."""
    counts: list[int]
    """How often each type it knows was its best guess."""


class RealismReport(NamedTuple):
    """What was found."""

    sections: list[Section]
    """One a type."""
    classes: list[str]
    """Titles of the types that the classifier knows; empty without one."""
    confusion: list[Named]
    """One a type; empty without a classifier."""
    notes: list[str]
    """What reading the real photos has dropped or approximated, a line each."""


def write_realism(
    path: Path, real: Mapping[str, Path], clean: CleanImages, restorer: Restorer | None = None, seed: int = 0
) -> RealismReport:
    """Writes a page that holds synthetic damage against real damage.

    Args:
        path: The HTML file.
        real: Type of damage to a folder of real photos of it.
        clean: Clean photos, each of which is damaged once at a random level of each type.
        restorer: A network with a classifier that names the real photos; None for none.
        seed: Of the random levels and outcomes.

    Raises:
        UserError: If a type is unknown, or an image cannot be read.
    """
    entries = {name: CATALOGUE[name] for name in real}
    sections, confusion, notes = [], [], list[str]()
    classes = list(restorer.classifier.classes) if restorer is not None and restorer.classifier is not None else []
    with progress_bar(total=len(real), title="comparing", unit="type") as bar:
        for name, folder in real.items():
            photos, named = [], []
            for file in list_images(folder):
                photo = read_image(file)
                notes += [f"{file}: {note}" for note in photo.notes]
                photos.append(central_crop(photo.pixels, SIDE).clone())
                if restorer is not None:
                    named.append(next(iter(restorer.classify(photo.pixels))))
            sections.append(_section(entries[name].title, photos, list(_damaged(name, clean, seed)), clean))
            if restorer is not None:
                confusion.append(Named(entries[name].title, [named.count(each) for each in classes]))
            bar.update()
    report = RealismReport(sections, [class_title(name) for name in classes], confusion, notes)
    write_page(path, "realism.html", report=report, images=len(clean.names), side=SIDE)
    return report


def _damaged(name: str, clean: CleanImages, seed: int) -> Iterator[tuple[Level, Tensor]]:
    for index, image in enumerate(clean.names):
        own = derive_seed("realism", seed, name, image)
        level = CATALOGUE[name].draw(np.random.default_rng(own))
        yield level, apply(central_crop(clean[index], SIDE), level, own)


def _section(
    title: str, photos: Sequence[Tensor], synthetic: Sequence[tuple[Level, Tensor]], clean: CleanImages
) -> Section:
    originals = [central_crop(clean[index], SIDE) for index in range(len(clean.names))]
    sets = [statistics(images) for images in (photos, [image for _, image in synthetic], originals)]
    examples = synthetic[:: max(1, len(synthetic) // 4)][:4]
    strips = [
        Strip("Real", [picture("real", central_crop(photo, SHOWN)) for photo in photos[:4]]),
        Strip("Synthetic", [picture(str(level), central_crop(image, SHOWN)) for level, image in examples]),
    ]
    return Section(title, len(photos), strips, _plots(sets), distances(sets[0], sets[1]), distances(sets[0], sets[2]))


def _plots(sets: Sequence[Statistics]) -> list[Picture]:
    shades = (np.arange(BINS) + 0.5) / BINS
    noise = (np.arange(NOISE_BINS) + 0.5) / NOISE_BINS
    middles = (np.array(STEPS[:-1]) + np.array(STEPS[1:])) / 2

    def curves(x: np.ndarray, rows: Sequence[np.ndarray]) -> list[Curve]:
        told = [np.isfinite(row) for row in rows]
        return [
            Curve(label, x[kept].tolist(), row[kept].tolist())
            for label, row, kept in zip(SETS, rows, told, strict=True)
        ]

    return [
        plot("Brightness", curves(shades, [each.brightness for each in sets]), x="luma", y="share of pixels"),
        plot(
            "Differences between neighbours",
            curves(np.log2(1 + middles), [each.differences for each in sets]),
            x="log2(1 + difference in 1/255)",
            y="share of neighbours",
        ),
        plot("Dark channel", curves(shades, [each.dark_channel for each in sets]), x="value", y="share of pixels"),
        plot("Noise", curves(noise, [each.noise for each in sets]), x="luma", y="deviation in 1/255"),
    ]
