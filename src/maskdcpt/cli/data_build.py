"""``maskdcpt data build``: builds a data set of pairs, or goes on with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.cli.columns import aligned
from maskdcpt.corpus import CorpusRecipe, Draft, Estimate, build, draft, estimate, read_recipe
from maskdcpt.corpus.cluster import cluster
from maskdcpt.datasets import DATASETS
from maskdcpt.errors import UserError
from maskdcpt.parallel import Pool, Processes, usual_workers
from maskdcpt.recipes import presets


@dataclass(frozen=True, kw_only=True)
class Options:
    """Builds a data set of pairs from public data sets and clean photos; the same command goes on with it."""

    recipe: Annotated[str, tyro.conf.arg(metavar="RECIPE")]
    """Name of a preset, or path of a TOML file."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the data set."""
    root: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder with the sources, each in a folder of its name; not needed for embedded images."""
    workers: int = field(default_factory=usual_workers)
    """Processes that make pairs; 0 makes them in this one. The pairs are the same."""
    cluster: Annotated[str | None, tyro.conf.arg(metavar="ADDRESS")] = None
    """Makes pairs on a Ray cluster, with one worker for each of its cores: ``auto`` for the one that this machine
    belongs to, or its address; ``local`` starts one here, with so many workers. All its machines share the folders.
    The pairs are the same."""
    pairs: int | None = None
    """Makes so many pairs in all, of the same make-up, instead of as many as the recipe says."""
    licences: Literal["all", "commercial"] = "all"
    """commercial leaves out images whose licence forbids commercial use or does not say."""
    plan: tyro.conf.FlagCreatePairsOff[bool] = False
    """Only tells what would be made."""

    def __post_init__(self) -> None:
        if not 0 <= self.workers <= 1024:
            raise UserError(f"--workers is {self.workers}; it lies in [0, 1024]")


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(
        Options,
        argv,
        prog="maskdcpt data build",
        description=f"{Options.__doc__} Presets: {', '.join(presets('data'))}.",
    )
    if options.out is None and not options.plan:
        raise UserError("--out DIR is needed, the folder of the data set, or --plan")
    recipe = read_recipe(options.recipe)
    if options.pairs is not None:
        recipe = recipe.scaled(options.pairs)
    commercial = options.licences == "commercial"
    first = draft(recipe, options.root, DATASETS, commercial=commercial)
    cost = estimate(first.plan)
    for line in _plan(recipe, first, cost, options.workers):
        print(line, flush=True)
    if options.plan or options.out is None:
        return 0
    with _pool(options) as pool:
        report = build(
            recipe,
            # Other processes may have another current folder.
            options.root and options.root.resolve(),
            options.out.resolve(),
            DATASETS,
            commercial=commercial,
            pool=pool,
            say=_say,
        )
    print()
    for note in report.notes:
        print(f"note: {note}")
    shards = f"shards: {report.made} made now, {report.kept} kept"
    print(f"{report.pairs:,} pairs, {report.bytes / 1e9:.2f} GB; {shards}; {report.seconds:.0f} s")
    print(f"data set: {options.out}")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _pool(options: Options) -> AbstractContextManager[Pool]:
    if options.cluster is None:
        return nullcontext(Processes(options.workers, _say))
    return cluster(options.cluster, options.workers)


def _plan(recipe: CorpusRecipe, first: Draft, cost: Estimate | None, workers: int) -> Iterator[str]:
    plan = first.plan
    size = f"{recipe.crop} x {recipe.crop} pixels, {plan.shards} file{'s' if plan.shards > 1 else ''}"
    yield f"{recipe.name}: {len(plan):,} of {recipe.samples:,} pairs, {size}"
    yield ""
    rows = [
        (
            share.component.name,
            share.component.type,
            f"{share.component.samples:,}",
            f"{share.paired:,}",
            f"{share.engine:,}",
            f"{share.short:,}",
            f"{share.members:,}" if share.component.make == "pairs" else "",
            f"{share.originals:,}" if share.originals else "",
            ", ".join(share.missing),
        )
        for share in plan.shares
    ]
    head = ("component", "type", "asked", "pairs", "engine", "short", "of pairs", "of images", "missing")
    totals = (
        "",
        "",
        *(f"{sum(int(row[place].replace(',', '')) for row in rows):,}" for place in range(2, 6)),
        "",
        "",
        "",
    )
    yield from aligned([head, *rows, totals], left=(0, 1, 8))
    yield ""
    for source in plan.sources:
        yield f"source: {source.name}: {len(source):,} {'images' if source.degraded is None else 'pairs'}"
    yield from first.notes
    yield "clean images are looked at before pairs are made; those that are not good enough leave their pairs to others"
    yield _cost(cost, workers)
    yield ""


def _cost(cost: Estimate | None, workers: int) -> str:
    if cost is None:
        return "no estimate: none of the images that were tried can be read"
    cores = "1 core" if workers < 2 else f"{workers} workers, each with a core of its own"
    need = f"{_span(cost.seconds(workers))} on {cores}, {cost.bytes / 1e9:.2f} GB"
    return f"estimate, from {cost.measured} pairs made on this machine: {need}"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
