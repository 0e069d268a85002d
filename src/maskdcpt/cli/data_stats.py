"""``maskdcpt data stats``: what is in a data set of pairs, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.cli.columns import aligned
from maskdcpt.corpus.stats import SHARES, CorpusStats, TypeStats, read_stats
from maskdcpt.errors import require
from maskdcpt.parallel import usual_workers
from maskdcpt.reports import left_out_text, require_new_page, write_stats

SHOWN = 20
"""How many problems, and values of a column, are named."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Tells what is in a built data set, or in any folder of shards, and whether it is whole.

    Exit code 0 if all is well, 1 if something is not, 2 if there is nothing to look at.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIR")]]
    """The folder."""
    html: Annotated[Path | None, tyro.conf.arg(metavar="PAGE")] = None
    """Writes a page with histograms and 24 random pairs of each type."""
    verify: tyro.conf.FlagCreatePairsOff[bool] = False
    """Hashes every file and every image, and looks at the size of each image."""
    workers: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Processes for that; one for each processor without it."""
    seed: int = 0
    """Of the pairs on the page."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces a page that exists."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code, 1 if something is wrong with the data set."""
    options = parse(Options, argv, prog="maskdcpt data stats")
    workers = usual_workers() if options.workers is None else options.workers
    require("--workers", workers, 0, 1024)
    if options.html is not None:
        require_new_page(options.html, options.force)
    stats = read_stats(options.folder, verify=options.verify, workers=workers)
    notes = [] if options.html is None else write_stats(options.html, stats, seed=options.seed)
    for line in _lines(stats):
        print(line)
    for note in (*stats.notes, *notes):
        print(f"note: {note}")
    if not options.verify:
        print("note: images were not looked at; --verify does")
    if options.html is not None:
        print(f"page: {options.html}")
    return 1 if stats.problems else 0


def _lines(stats: CorpusStats) -> Iterator[str]:
    yield f"{stats.pairs:,} pairs in {len(stats.files.paths):,} files, {stats.bytes / 1e9:.2f} GB"
    yield ""
    shares = " / ".join(map(str, SHARES))
    head = ("type", "pairs", "engine", "real", "levels", f"PSNR, {shares} %", "undamaged")
    yield from aligned([head, *map(_row, stats.types)])
    yield ""
    for name, counts in stats.counts.items():
        shown = [f"{value} {count:,}" for value, count in list(counts.items())[:SHOWN]]
        yield f"{name}: {'; '.join(shown)}{'; ...' if len(counts) > SHOWN else ''}"
    yield from _build_lines(stats)
    for check in stats.checks:
        yield f"good: {check}"
    yield from (f"problem: {problem}" for problem in stats.problems[:SHOWN])
    count = len(stats.problems)
    if count > SHOWN:
        yield f"problem: and {count - SHOWN:,} more"
    yield f"{count:,} problem{'s' if count > 1 else ''}" if count else "all is well"


def _row(entry: TypeStats) -> tuple[str, ...]:
    return (
        entry.name,
        f"{len(entry.rows):,}",
        f"{entry.engine:,}",
        f"{entry.real:,}",
        f"{entry.covered} of {len(entry.levels)}" if entry.levels else "-",
        " / ".join(f"{value:.1f}" for value in entry.psnr.percentiles) or "-",
        f"{entry.psnr.undamaged:,}",
    )


def _build_lines(stats: CorpusStats) -> Iterator[str]:
    if stats.build is None:
        return
    for name, source in stats.build["sources"].items():
        yield f"originals: {name}: {source['images']:,}, left out: {left_out_text(source) or 'none'}"
    quarantined, replaced = stats.build["quarantined"], stats.build["replaced"]
    yield f"quarantine: {quarantined:,} images could not be used, {replaced:,} pairs come from others instead"
    # What was left out of originals and what could not be used has been told already.
    told = ("originals: ", "quarantine: ")
    yield from (note for note in stats.build["notes"] if not note.startswith(told))
