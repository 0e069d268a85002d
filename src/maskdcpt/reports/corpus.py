"""What is in a data set, on a page: counts, histograms, how strong the damage is, and pairs of every type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

from maskdcpt.corpus.stats import SHARES, CorpusStats, TypeStats, sample_rows
from maskdcpt.data import central_crop
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.progress import progress_bar
from maskdcpt.reports.page import Picture, picture, write_page
from maskdcpt.reports.plots import COLOURS, figure_picture, figure_style, frame

SHOWN = 24
"""Random pairs of each type."""

SIDE = 128
"""Side of the middle of an image that is shown, in pixels."""

QUALITY = 85
"""Of the pictures: 24 pairs of each of 19 types then take six to nine megabytes."""

BINS = 40
"""Of a histogram of PSNR."""


class Section(NamedTuple):
    """One type on the page."""

    entry: TypeStats
    """Its numbers."""
    plots: list[Picture]
    """Histograms."""
    pairs: list[Picture]
    """Random pairs, clean and damaged side by side."""


class Origin(NamedTuple):
    """One source on the page, as ``build.json`` tells of it."""

    title: str
    """What people call it."""
    images: int
    """Images or pairs that it has."""
    pairs: int
    """Pairs of the data set that are made from them."""
    left_out: str
    """How many of its images were left out, and why."""


def write_stats(path: Path, stats: CorpusStats, *, seed: int = 0, progress: bool = True) -> list[str]:
    """Writes the page.

    Args:
        path: The HTML file.
        stats: What was found.
        seed: Of the pairs that are shown.
        progress: Whether to show a bar.

    Returns:
        What could not be shown, a line each.
    """
    notes: list[str] = []
    sections = []
    with progress_bar(total=len(stats.types), title="gallery", unit="type", show=progress) as bar:
        for entry in stats.types:
            sections.append(Section(entry, list(_plots(entry)), list(_pairs(stats, entry, seed, notes))))
            bar.update()
    write_page(
        path,
        "corpus.html",
        name=(stats.build or {}).get("name") or stats.folder.resolve().name,
        stats=stats,
        overview=[_sizes(stats.types), *([_ranges(stats.types)] if _measured(stats.types) else [])],
        sections=sections,
        shares=SHARES,
        origins=list(_origins(stats)),
        components=(stats.build or {}).get("components", {}),
        notes=[*stats.notes, *notes],
        side=SIDE,
    )
    return notes


def _pairs(stats: CorpusStats, entry: TypeStats, seed: int, notes: list[str]) -> Iterator[Picture]:
    for row in sample_rows(stats, entry, SHOWN, seed):
        try:
            clean, degraded = (central_crop(stats.files.image(row, name), SIDE) for name in ("clean", "degraded"))
        except UserError as error:
            notes.append(str(error))
            continue
        if clean.shape == degraded.shape:  # others are told among the problems
            gap = clean.new_ones(3, clean.shape[1], 2)
            yield picture(_caption(stats, entry, row), torch.cat((clean, gap, degraded), dim=2), QUALITY)


def _caption(stats: CorpusStats, entry: TypeStats, row: int) -> str:
    table = stats.files.table

    def value(name: str) -> Any:
        return table[name][row].as_py() if name in table.column_names else None

    level, psnr, source = value("level"), value("psnr"), value("source")
    words = [str(source)] if source is not None else []
    if level is not None and 0 <= level < len(entry.levels):
        words.append(f"level {level}: {CATALOGUE[entry.name].levels[level].type_name}")
    return ", ".join([*words, *([f"{psnr:.1f} dB"] if psnr is not None else [])])


def _plots(entry: TypeStats) -> Iterator[Picture]:
    if len(entry.psnr.values):
        with figure_style():
            figure, axes = _figure(2.4)
            low, high = entry.psnr.values[0], entry.psnr.values[-1]
            counts, edges = np.histogram(entry.psnr.values, BINS, (low, max(high, low + 1)))
            axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=COLOURS[0])
            axes.set_xlabel("PSNR of the damaged image in dB")
            axes.set_ylabel("pairs")
            yield figure_picture("PSNR", figure)
    if entry.levels and entry.covered:
        with figure_style():
            figure, axes = _figure(2.4)
            axes.bar(range(len(entry.levels)), entry.levels, color=COLOURS[1])
            axes.set_xlabel("level, by its place in the catalogue")
            axes.set_ylabel("pairs")
            yield figure_picture("Levels", figure)


def _figure(height: float, width: float = 5.2) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    frame(axes)
    axes.set_axisbelow(True)
    return figure, axes


def _sizes(types: Sequence[TypeStats]) -> Picture:
    with figure_style():
        figure, axes = _figure(1 + 0.22 * len(types))
        places = range(len(types))
        engine = [entry.engine for entry in types]
        axes.barh(places, engine, color=COLOURS[0], label="by the engine")
        rest = [len(entry.rows) - entry.engine for entry in types]
        if any(rest):
            axes.barh(places, rest, left=engine, color=COLOURS[1], label="pairs of data sets")
            axes.legend(frameon=False)
        _names(axes, types)
        axes.set_xlabel("pairs")
        return figure_picture("Pairs of each type", figure)


def _ranges(types: Sequence[TypeStats]) -> Picture:
    with figure_style():
        figure, axes = _figure(1 + 0.22 * len(types))
        for place, entry in enumerate(types):
            if entry.psnr.percentiles:
                low, quarter, middle, three, high = entry.psnr.percentiles
                axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=1.2)
                axes.plot([quarter, three], [place, place], color=COLOURS[0], linewidth=6, solid_capstyle="butt")
                axes.plot(middle, place, "o", color="white", markersize=3.5)
        _names(axes, types)
        axes.set_xlabel(f"PSNR in dB: {SHARES[0]} to {SHARES[-1]} %, {SHARES[1]} to {SHARES[3]} %, median")
        return figure_picture("PSNR of the damaged images", figure)


def _names(axes: Any, types: Sequence[TypeStats]) -> None:
    axes.set_yticks(range(len(types)), [entry.title for entry in types], fontsize="small")
    axes.set_ylim(len(types) - 0.4, -0.6)


def _measured(types: Sequence[TypeStats]) -> bool:
    return any(entry.psnr.percentiles for entry in types)


def _origins(stats: CorpusStats) -> Iterator[Origin]:
    pairs = stats.counts.get("source", {})
    for name, source in (stats.build or {}).get("sources", {}).items():
        yield Origin(source["title"], source["images"], pairs.get(name, 0), left_out_text(source))


def left_out_text(source: Mapping[str, Any]) -> str:
    """How many images of a source of ``build.json`` were left out, and why."""
    return ", ".join(f"{count:,} {reason}" for reason, count in source.get("left_out", {}).items())
