"""Building a data set: plan, originals, shards, manifest, card; and going on where it was interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from maskdcpt.corpus.begun import (
    BUILD,
    DATA,
    LOCK,
    LOOKS,
    QUARANTINE,
    SHARDS,
    require_apart,
    require_same,
    standing,
    versions,
)
from maskdcpt.corpus.card import write_card
from maskdcpt.corpus.make import Fault, ShardReport, ShardTask, make_shard, report_row
from maskdcpt.corpus.manifest import write_manifest
from maskdcpt.corpus.originals import survey_originals
from maskdcpt.corpus.plan import Plan, make_plan
from maskdcpt.corpus.recipe import CorpusRecipe
from maskdcpt.corpus.sources import Sources, open_sources
from maskdcpt.corpus.survey import Verdict
from maskdcpt.datasets import DataSet
from maskdcpt.errors import UserError
from maskdcpt.files import (
    append_row,
    remove_unfinished,
    sole_owner,
    write_json,
    write_rows,
)
from maskdcpt.parallel import HERE, Pool
from maskdcpt.progress import progress_bar
from maskdcpt.signals import StopRequest


@dataclass(frozen=True)
class BuildReport:
    """What became of a data set."""

    folder: Path
    """Where it is."""
    pairs: int
    """Pairs in it."""
    bytes: int
    """Size of its shards."""
    made: int
    """Shards that were made now."""
    kept: int
    """Shards that were there."""
    notes: tuple[str, ...]
    """What is missing in it, was replaced or left out, a line each."""
    seconds: float
    """How long it took now."""


@dataclass(frozen=True)
class Draft:
    """A plan, with what it was made from."""

    plan: Plan
    """Every pair."""
    sources: Sources
    """What there is."""
    verdicts: Mapping[str, Verdict]
    """Which originals are good enough, by source; empty as long as nobody has looked."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is missing, and what was left out, a line each."""
        lines = [f"source missing: {name}: {reason}" for name, reason in self.sources.missing]
        lines += [f"licence: {count:,} images of {name} left out" for name, count in self.sources.refused.items()]
        for name, verdict in self.verdicts.items():
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in verdict.left_out.items())
            if reasons:
                lines.append(f"originals: of {len(verdict.usable):,} in {name} left out: {reasons}")
        for share in self.plan.shares:
            if share.filled:
                lines.append(
                    f"filled: {share.filled:,} of {share.component.samples:,} {share.component.name} by the engine"
                )
            if share.short:
                lines.append(
                    f"shortfall: {share.short:,} of {share.component.samples:,} {share.component.name} not made"
                )
        return tuple(lines)


def draft(
    recipe: CorpusRecipe, root: Path | None, datasets: Mapping[str, DataSet], *, commercial: bool = False
) -> Draft:
    """Plans a data set without looking into images, as if all originals were good enough.

    Raises:
        UserError: If the root is missing, a data set does not fit its layout, or nothing can be made.
    """
    sources = open_sources(recipe, root, datasets, commercial=commercial)
    return Draft(make_plan(recipe, sources), sources, {})


def build(
    recipe: CorpusRecipe,
    root: Path | None,
    out: Path,
    datasets: Mapping[str, DataSet],
    *,
    commercial: bool = False,
    pool: Pool = HERE,
    progress: bool = True,
    say: Callable[[str], object] = lambda line: None,
) -> BuildReport:
    """Builds a data set, or goes on with it: shards that are whole are kept.

    The same recipe and sources give the same bytes, whatever makes them and however often it is interrupted.

    Args:
        recipe: What is wanted.
        root: Folder with data sets and folders of one's own.
        out: Folder of the data set, made where missing.
        datasets: The data sets that are known.
        commercial: Whether to leave out what forbids commercial use or does not say.
        pool: What pairs are made by.
        progress: Whether to show bars.
        say: Is told what goes on, a line at a time.

    Raises:
        UserError: If nothing can be made, the folder has another data set or is being worked on, an original
            is gone, or the disk is full; what is done is kept.
        Preempted: If the process was asked to stop; what is done is kept.
    """
    start = time.perf_counter()
    sources = open_sources(recipe, root, datasets, commercial=commercial)
    make_plan(recipe, sources)  # before anything is written: it says when nothing can be made
    require_apart(root, sources, out)
    out.mkdir(parents=True, exist_ok=True)
    stop = StopRequest()
    alive = partial(stop.raise_if_received, out)

    with sole_owner(out / LOCK, "building a data set in"), stop.listening(), _full_disk(out), _tidy(out):
        require_same(recipe, sources, out, commercial)
        verdicts = survey_originals(recipe, sources, out, pool, alive, progress)
        finished = Draft(
            make_plan(recipe, sources, {name: each.usable for name, each in verdicts.items()}), sources, verdicts
        )
        plan = finished.plan
        records = standing(plan, out, pool, alive, progress, say)
        kept = len(records)
        _make(plan, out, records, pool, alive, progress)
        reports = [records[shard] for shard in range(plan.shards)]
        return _conclude(finished, out, reports, kept, commercial, progress, start)


def _make(
    plan: Plan, out: Path, records: dict[int, ShardReport], pool: Pool, alive: Callable[[], object], progress: bool
) -> None:
    missing = [shard for shard in range(plan.shards) if shard not in records]

    def alone(task: ShardTask) -> ShardReport:
        return make_shard(task, alive)

    done = sum(report.rows for report in records.values())
    results = pool.work_off(make_shard, missing, lambda shard: plan.task(shard, out / DATA), alive=alive, alone=alone)
    with (
        progress_bar(total=len(plan), done=done, title="pairs", unit="pair", show=progress and bool(missing)) as bar,
        closing(results),
    ):
        for shard, report in results:
            _require_seen(out / DATA / report.file, report)
            append_row(out / SHARDS, report_row(report))
            records[shard] = report
            bar.update(report.rows)


def _require_seen(path: Path, report: ShardReport) -> None:
    if not path.exists() or path.stat().st_size != report.bytes:
        raise UserError(
            f"{path}: made elsewhere and not to be seen from here; --out needs a folder that all machines share"
        )


def _conclude(
    finished: Draft,
    out: Path,
    reports: Sequence[ShardReport],
    kept: int,
    commercial: bool,
    progress: bool,
    start: float,
) -> BuildReport:
    plan, sources = finished.plan, finished.sources
    replaced = sum(report.replaced for report in reports)
    faults = sorted({fault for report in reports for fault in report.faults})
    unread = [Fault(name, *fault) for name, verdict in finished.verdicts.items() for fault in verdict.faults]
    write_rows(out / QUARANTINE, (fault._asdict() for fault in sorted({*faults, *unread})))
    notes = list(finished.notes)
    if faults:
        notes.append(
            f"quarantine: {len(faults):,} images could not be used, for which {replaced:,} pairs come from others; "
            f"{QUARANTINE} names them"
        )
    size = sum(report.bytes for report in reports)
    statistics = write_manifest(out, [report.file for report in reports], progress=progress)
    facts = {
        "name": plan.recipe.name,
        "commercial": commercial,
        "pairs": len(plan),
        "bytes": size,
        "shards": plan.shards,
        "made_with": versions(),
        "sources": {
            name: {
                "title": each.title,
                "images": len(each),
                "digest": each.digest,
                "licences": [{"name": terms.name, "commercial": terms.commercial} for terms in each.licences],
                **({"left_out": finished.verdicts[name].left_out} if name in finished.verdicts else {}),
            }
            for name, each in sources.found.items()
        },
        "missing": dict(sources.missing),
        "refused_for_licence": dict(sources.refused),
        "components": {
            share.component.name: {
                "type": share.component.type,
                "asked": share.component.samples,
                "pairs": share.paired,
                "engine": share.engine,
                "short": share.short,
                "members": share.members,
                "originals": share.originals,
                "missing": list(share.missing),
            }
            for share in plan.shares
        },
        "replaced": replaced,
        "quarantined": len(faults),
        "statistics": statistics,
        "notes": notes,
    }
    write_json(out / BUILD, facts)
    write_card(out, plan, sources, facts)
    seconds = time.perf_counter() - start
    return BuildReport(out, len(plan), size, plan.shards - kept, kept, tuple(notes), seconds)


@contextmanager
def _tidy(out: Path) -> Iterator[None]:
    """Removes what is unfinished, of earlier interruptions and of workers that are ended in the block."""
    folders = (out, out / DATA, out / LOOKS)
    for folder in folders:
        folder.mkdir(exist_ok=True)
        remove_unfinished(folder)
    try:
        yield
    finally:
        for folder in folders:
            remove_unfinished(folder)


@contextmanager
def _full_disk(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, BlockingIOError | InterruptedError):
            raise
        reason = error.strerror or " ".join(str(error).split())
        raise UserError(
            f"{error.filename or out}: cannot be written ({reason}); what is done is kept, and the same command goes on"
        ) from error
