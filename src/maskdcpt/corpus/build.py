"""Building a data set: plan, originals, shards, manifest, card; and going on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa

from maskdcpt.config import flatten, read_toml, to_dict, to_toml
from maskdcpt.corpus.card import write_card
from maskdcpt.corpus.make import Fault, ShardReport, ShardTask, make_shard, read_report, report_row
from maskdcpt.corpus.manifest import write_manifest
from maskdcpt.corpus.plan import Plan, clean_sources, make_plan
from maskdcpt.corpus.recipe import CorpusRecipe
from maskdcpt.corpus.sources import Sources, open_sources
from maskdcpt.corpus.survey import Look, LookTask, Verdict, from_line, judge, look_at, look_tasks, to_line
from maskdcpt.datasets import DataSet
from maskdcpt.errors import Preempted, UserError, naming
from maskdcpt.files import (
    append_row,
    atomic_file,
    file_sha256,
    read_json,
    read_rows,
    remove_unfinished,
    sole_owner,
    write_bytes,
    write_json,
    write_rows,
)
from maskdcpt.parallel import HERE, Pool
from maskdcpt.progress import progress_bar
from maskdcpt.signals import StopRequest

DATA, LOOKS = "data", ".originals"
"""Folders of the shards, and of what was seen of the originals."""

RECIPE, BUILD, SHARDS, QUARANTINE, LOCK = "recipe.toml", "build.json", "shards.jsonl", "quarantine.jsonl", ".lock"
"""Files of a data set: what was asked for, what it was made of, what each shard is, what could not be used."""


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
    _require_apart(root, sources, out)
    out.mkdir(parents=True, exist_ok=True)
    stop = StopRequest()

    def alive() -> None:
        if stop.received:
            raise Preempted(f"{out}: asked to stop; what is done is kept, and the same command goes on")

    with sole_owner(out / LOCK, "building a data set in"), stop.listening(), _full_disk(out), _tidy(out):
        _require_same(recipe, sources, out, commercial)
        verdicts = _survey(recipe, sources, out, pool, alive, progress)
        finished = Draft(
            make_plan(recipe, sources, {name: each.usable for name, each in verdicts.items()}), sources, verdicts
        )
        plan = finished.plan
        records = _standing(plan, out, pool, alive, progress, say)
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


def _standing(
    plan: Plan, out: Path, pool: Pool, alive: Callable[[], object], progress: bool, say: Callable[[str], object]
) -> dict[int, ShardReport]:
    """The shards that are there and whole."""
    records: dict[int, ShardReport] = {}
    for number, row in enumerate(read_rows(out / SHARDS), 1):
        with naming(f"{out / SHARDS}: line {number}"):
            report = read_report(row)
        if report.shard < plan.shards and report.file == plan.file(report.shard):
            records[report.shard] = report
    expected = sorted(records)
    paths = {shard: out / DATA / plan.file(shard) for shard in expected}
    lost = 0
    with progress_bar(
        total=len(expected), title="checking shards", unit="shard", show=progress and bool(expected)
    ) as bar:
        for shard, digest in pool.work_off(_digest, expected, paths.__getitem__, alive=alive):
            if digest != records[shard].sha256:
                problem = "missing" if digest is None else "damaged"
                say(f"{paths[shard]}: {problem}; it is made again")
                del records[shard]
                lost += 1
            bar.update()
    if records:
        say(f"{len(records)} of {plan.shards} shards are there and whole, and are kept")
    strange = {path.name for path in (out / DATA).iterdir()} - {plan.file(shard) for shard in range(plan.shards)}
    if strange:
        raise UserError(f"{out / DATA / min(strange)}: no file of this data set; move it elsewhere")
    # Without lines that an interruption has cut off, or of shards that are made again.
    write_rows(out / SHARDS, (report_row(records[shard]) for shard in sorted(records)))
    return records


def _digest(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except FileNotFoundError:
        return None


def _survey(
    recipe: CorpusRecipe, sources: Sources, out: Path, pool: Pool, alive: Callable[[], object], progress: bool
) -> dict[str, Verdict]:
    chosen = clean_sources(recipe, sources)
    tasks = look_tasks(chosen, recipe)
    looks: dict[int, list[Look]] = {}
    for number, task in enumerate(tasks):
        found = _read_looks(out, task)
        if found is not None:
            looks[number] = found
    missing = [number for number in range(len(tasks)) if number not in looks]
    total = sum(len(task.files) for task in tasks)
    done = sum(map(len, looks.values()))
    with (
        progress_bar(total=total, done=done, title="originals", unit="image", show=progress and bool(missing)) as bar,
        closing(pool.work_off(look_at, missing, tasks.__getitem__, alive=alive)) as results,
    ):
        for number, seen in results:
            _write_looks(out, tasks[number], seen)
            looks[number] = seen
            bar.update(len(seen))
    by_source: dict[str, list[Look]] = {source.name: [] for source in chosen}
    for number, task in enumerate(tasks):
        by_source[task.source] += looks[number]
    return judge(by_source, {source.name: source.keys for source in chosen}, recipe)


def _looks_file(out: Path, task: LookTask) -> Path:
    # Named by what was looked at, so that images that have changed are looked at again.
    stamps = "" if task.embedded else [_stamp(file) for file in task.files]
    name = hashlib.sha256(json.dumps([task.source, task.start, task.files, stamps, task.limit]).encode()).hexdigest()
    return out / LOOKS / f"{name[:32]}.jsonl"


def _stamp(file: str) -> list[int]:
    try:
        status = os.stat(file)
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _read_looks(out: Path, task: LookTask) -> list[Look] | None:
    try:
        looks = [from_line(line) for line in _looks_file(out, task).read_text().splitlines()]
    except (OSError, ValueError, TypeError):
        return None
    return looks if len(looks) == len(task.files) else None


def _write_looks(out: Path, task: LookTask, looks: Sequence[Look]) -> None:
    with atomic_file(_looks_file(out, task)) as temporary:
        write_bytes(temporary, "".join(f"{to_line(look)}\n" for look in looks).encode())


def _require_apart(root: Path | None, sources: Sources, out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a data set needs a folder, and this is a file")
    if root is not None and (out.resolve() == root.resolve() or out.resolve() in root.resolve().parents):
        raise UserError(f"{out}: the data set needs a folder apart from that of the sources, {root}")
    for source in sources.found.values():
        if source.folder is not None and source.folder.resolve() in (out.resolve(), *out.resolve().parents):
            raise UserError(f"{out}: the data set needs a folder apart from that of a source, {source.folder}")


def _require_same(recipe: CorpusRecipe, sources: Sources, out: Path, commercial: bool) -> None:
    """Refuses to go on with another data set; notes what this one is where the folder is new."""
    found = {name: {"images": len(each), "digest": each.digest} for name, each in sources.found.items()}
    if not (out / BUILD).exists():
        strange = [path for path in out.iterdir() if path.name not in (DATA, LOOKS, LOCK, RECIPE)]
        if strange or any((out / DATA).iterdir()):
            raise UserError(f"{out}: a new data set needs a folder of its own, and this one has other files")
        with atomic_file(out / RECIPE) as temporary:
            write_bytes(temporary, to_toml(recipe).encode())
        write_json(out / BUILD, {"commercial": commercial, "sources": found, "made_with": versions()})
        return
    before = flatten(_numbered(read_toml(out / RECIPE)))
    after = flatten(_numbered(to_dict(recipe)))
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            raise UserError(
                f"{out} was begun with another recipe: {name} was {before.get(name, 'not set')!r} and is now "
                f"{after.get(name, 'not set')!r}; another data set needs another folder"
            )
    begun = read_json(out / BUILD)
    if begun.get("commercial") != commercial:
        raise UserError(f"{out} was begun {'with' if begun.get('commercial') else 'without'} --licences commercial")
    made_with, here = begun.get("made_with", {}), versions()
    for name in dict.fromkeys((*made_with, *here)):
        if made_with.get(name) != here.get(name):
            raise UserError(
                f"{out} was begun with {name} {made_with.get(name)}, and this is {here.get(name)}, which may make "
                "other bytes; go on with the same, or begin in another folder"
            )
    then: dict[str, dict[str, Any]] = begun.get("sources", {})
    for name in dict.fromkeys((*then, *found)):
        if then.get(name, {}).get("digest") != found.get(name, {}).get("digest"):
            counts = [f"{each[name]['images']:,} images" if name in each else "nothing" for each in (then, found)]
            raise UserError(
                f"{out} was begun with other images: source {name} had {counts[0]}, and now has {counts[1]}"
                f"{', others' if counts[0] == counts[1] else ''}; another data set needs another folder"
            )


def _numbered(value: Any) -> Any:
    """Lists as tables by number, or by name where their entries have one, so that differences have a place."""
    if isinstance(value, Mapping):
        return {key: _numbered(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return {str(each.get("name", place)) if isinstance(each, Mapping) else str(place): _numbered(each)
                for place, each in enumerate(value)}  # fmt: skip
    return value


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


def versions() -> dict[str, str]:
    """What the bytes of a data set depend on besides recipe and sources."""
    return {
        "maskdcpt": version("maskdcpt"),
        "opencv": cv2.__version__,
        "pyarrow": pa.__version__,
        "machine": platform.machine(),
    }


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
