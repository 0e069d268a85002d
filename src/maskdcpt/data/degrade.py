"""Degrading files: one or all of a folder, each in one way or in many, with a record of what was done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from maskdcpt.degradations import CATALOGUE, Level, apply, to_dict
from maskdcpt.errors import UserError, naming
from maskdcpt.files import append_row, read_rows, remove_unfinished, sole_owner, write_rows
from maskdcpt.images import (
    BatchReport,
    Naming,
    Picture,
    format_of,
    pair_files,
    read_image,
    refuse_existing,
    refuse_originals,
    work_through,
    write_image,
)
from maskdcpt.seeds import derive_seed

RECORDS = "degradations.jsonl"
"""File in the folder of degraded images that says, an image a line, what was done."""

LOCK = ".lock"


class Version(NamedTuple):
    """One way to degrade an image."""

    place: str
    """Folder for the result below the folder of results; empty for that folder itself."""
    level: Level
    """What is done."""


class DegradeReport(NamedTuple):
    """What became of the files."""

    batch: BatchReport
    """What was made."""
    records: tuple[dict[str, Any], ...]
    """How each result asked for is made, as in the file of records."""
    found: int
    """How many images were there already, made by an earlier run of the same command."""
    left_out: tuple[str, ...] = ()
    """What lies in the folder beside images and is not taken, a line each for people."""


class _Job(NamedTuple):
    source: Path
    name: str
    target: Path
    level: Level
    seed: int
    key: str
    """Name of the result in the records."""


def degrade_files(
    source: Path,
    target: Path,
    versions: Callable[[str], Iterable[Version]],
    *,
    seed: int = 0,
    force: bool = False,
    progress: bool = True,
) -> DegradeReport:
    """Degrades an image, or all images in and below a folder.

    A folder of results holds PNG files and ``degradations.jsonl``, from which every result can be made again:
    ``apply(image, from_dict(row["level"]), row["seed"])``. The same call on the same folder goes on where an
    interrupted one stopped.

    Args:
        source: An image or a folder.
        target: For an image in a single version with the place "" its file, or an existing folder; else a folder, made
            where missing.
        versions: Name of an image (its path below the source) to what is made of it.
        seed: Makes results of another seed differ. The seed of each result depends on it, the image's name and the
            level alone.
        force: Whether to replace files that exist.
        progress: Whether to show a progress bar.

    Raises:
        UserError: As ``images.pair_files`` and ``images.work_through``; before any work also if a result would replace
            an original, another process works in the folder, its records are damaged, or files exist that no earlier
            run of the same call has made and ``force`` is not set. For a single image, if it cannot be read.
    """
    jobs, folder, left_out = _plan(source, target, versions, seed)
    refuse_originals([(job.source, job.target) for job in jobs])
    if not source.is_dir():
        read_image(source)  # what is wrong with the only image is one error, not one a version
    if folder is None:
        if not force:
            refuse_existing([job.target for job in jobs])
        return DegradeReport(_run(jobs, None, progress), tuple(map(_record, jobs)), found=0)
    folder.mkdir(parents=True, exist_ok=True)
    with sole_owner(folder / LOCK, "degrading images into"):
        for parent in {job.target.parent for job in jobs}:
            remove_unfinished(parent)
        left = jobs
        records = _compact_records(folder)
        if not force:
            left = [job for job in jobs if not (job.target.exists() and records.get(job.key) == _record(job))]
            refuse_existing([job.target for job in left])
        try:
            report = _run(left, folder, progress)
        finally:
            _compact_records(folder)
        return DegradeReport(report, tuple(map(_record, jobs)), found=len(jobs) - len(left), left_out=left_out)


def _plan(
    source: Path, target: Path, versions: Callable[[str], Iterable[Version]], seed: int
) -> tuple[list[_Job], Path | None, tuple[str, ...]]:
    one = None if source.is_dir() else list(versions(source.name))
    left_out: tuple[str, ...] = ()
    if one is not None and len(one) == 1 and not one[0].place and not target.is_dir():
        pairs, folder = pair_files(source, target).pairs, None
    elif source.is_dir() or not source.exists():
        (pairs, _, left_out), folder = pair_files(source, target, Naming(ext=".png")), target
    else:
        if target.exists() and not target.is_dir():
            raise UserError(f"{target}: several results need a folder to go to, and this is a file")
        pairs, folder = ((source, target / f"{source.stem}.png"),), target
    jobs = []
    for original, place in pairs:
        name = original.relative_to(source).as_posix() if source.is_dir() else original.name
        for version in versions(name):
            result = place if folder is None else folder / version.place / place.relative_to(folder)
            key = result.name if folder is None else result.relative_to(folder).as_posix()
            own_seed = derive_seed("degrade", seed, name, json.dumps(to_dict(version.level), sort_keys=True))
            jobs.append(_Job(original, name, result, version.level, own_seed, key))
    return jobs, folder, left_out


def _run(jobs: list[_Job], folder: Path | None, progress: bool) -> BatchReport:
    read = lru_cache(maxsize=1)(read_image)  # the versions of an image follow one another
    noted: set[Path] = set()

    def degrade(job: _Job) -> Iterable[str]:
        picture: Picture = read(job.source)
        with naming(job.source):
            degraded = apply(picture.pixels, job.level, job.seed)
        job.target.parent.mkdir(parents=True, exist_ok=True)
        if folder is not None:
            # A record is there before its image, and no older image with it: a run that is killed here leaves nothing
            # that could be taken for done.
            job.target.unlink(missing_ok=True)
            append_row(folder / RECORDS, _record(job))
        write_image(degraded, job.target, like=picture)
        notes = [] if job.source in noted else [f"{job.source}: {note}" for note in picture.notes]
        noted.add(job.source)
        if format_of(job.target) == "JPEG":
            notes.append(f"{job.target}: a JPEG file adds damage of its own; one that ends in .png does not")
        return notes

    return work_through(jobs, degrade, title="degrading", single=folder is None, progress=progress)


def _record(job: _Job) -> dict[str, Any]:
    types = CATALOGUE.types_of(job.level)
    return {
        "image": job.key,
        "source": job.name,
        "source_sha256": _sha256(job.source, job.source.stat().st_mtime_ns),
        "types": [entry.name for entry in types],
        "labels": [entry.label for entry in types],
        "level": to_dict(job.level),
        "seed": job.seed,
    }


@lru_cache(maxsize=1)
def _sha256(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _compact_records(folder: Path) -> dict[str, dict[str, Any]]:
    """Reads the records by image and writes them anew, the newest of each and without a half line at the end."""
    path = folder / RECORDS
    rows = read_rows(path)
    for number, row in enumerate(rows, 1):
        if "image" not in row:
            raise UserError(f"{path}: line {number} names no image; mend it or remove the file")
    newest = {row["image"]: row for row in rows}
    if path.exists():
        write_rows(path, newest.values())
    return newest
