"""Making one pair, and one shard of them: pure functions of what the plan says."""

from __future__ import annotations

import functools
import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.corpus.recipe import Component, CorpusRecipe
from maskdcpt.corpus.sources import read_embedded
from maskdcpt.corpus.table import Row, write_table
from maskdcpt.data.labels import basic_types
from maskdcpt.degradations import CATALOGUE, apply, to_dict
from maskdcpt.errors import UserError
from maskdcpt.files import atomic_file, file_sha256
from maskdcpt.images import TooManyPixels, image_size, read_image
from maskdcpt.seeds import derive_seed

Bytes: TypeAlias = NDArray[np.uint8]
"""RGB (H, W, 3) of eight bits."""

ATTEMPTS = 8
"""Images that are tried in place of one that cannot be used; then it is not the images that are at fault."""

PNG = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_AVG),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
)
"""How images are compressed: as fast to write and to read as PNG gets, and 4 to 11 per cent larger than at its best."""


class Part(NamedTuple):
    """Pairs of a component that are made in one way."""

    name: str
    """That of the component, with ``+engine`` for what fills its shortfall."""
    component: Component
    """What they are."""
    engine: bool
    """Whether the engine makes them."""


class Original(NamedTuple):
    """An image or a pair of a source, with all that a row says of it."""

    source: str
    """Name of the source."""
    key: str
    """Name in the source."""
    clean: str
    """File of the clean image, or the name of an embedded one."""
    degraded: str | None
    """File of the damaged one, where there is one."""
    embedded: bool
    """Whether it comes with the package."""
    real: bool
    """Whether its damage was photographed."""
    types: tuple[str, ...]
    """Basic types in its damage, where they are known."""
    licence: str
    """Terms of use."""
    commercial: bool | None
    """Whether they allow commercial use."""


class Job(NamedTuple):
    """One pair to make."""

    part: int
    """Number of its part."""
    original: int
    """Number of its original in the task."""
    number: int
    """Which pair of the part it is among those from this original."""
    level: int
    """Place of the level in the catalogue; -1 for pairs of data sets."""


@dataclass(frozen=True)
class ShardTask:
    """Everything that a process needs to make a shard."""

    shard: int
    """Its number."""
    path: Path
    """Its file."""
    recipe: CorpusRecipe
    """Size and seed."""
    parts: tuple[Part, ...]
    """What pairs there are."""
    jobs: tuple[Job, ...]
    """The pairs, in the order of rows."""
    originals: tuple[Original, ...]
    """What they are made from."""
    instead: Mapping[int, tuple[int, ...]]
    """By part the originals to take in place of one that cannot be used."""
    first: int
    """A number that no other pair of the data set has, nor any of the following as many as there are jobs."""


class Fault(NamedTuple):
    """An original that cannot be used."""

    source: str
    image: str
    problem: str


class ShardReport(NamedTuple):
    """What became of a shard."""

    shard: int
    """Its number."""
    file: str
    """Name of its file."""
    sha256: str
    """Of the file."""
    bytes: int
    """Size of the file."""
    rows: int
    """Pairs in it."""
    seconds: float
    """How long it took."""
    replaced: int
    """Pairs that another original had to be taken for."""
    faults: tuple[Fault, ...]
    """The originals that could not be used."""


def make_shard(task: ShardTask, alive: Callable[[], object] = lambda: None) -> ShardReport:
    """Makes a shard and writes it, whole or not at all.

    Args:
        task: What to make.
        alive: Called now and then; what it raises ends the work.

    Raises:
        UserError: If an original is gone, or one after another cannot be used.
        OSError: If the disk is full or the file cannot be written.
    """
    start = time.perf_counter()
    rows, faults, replaced = make_rows(task, alive)
    with atomic_file(task.path) as temporary:
        write_table(temporary, rows)
        digest = file_sha256(temporary)
        size = temporary.stat().st_size
    seconds = time.perf_counter() - start
    return ShardReport(task.shard, task.path.name, digest, size, len(rows), seconds, replaced, tuple(faults))


def make_rows(task: ShardTask, alive: Callable[[], object] = lambda: None) -> tuple[list[Row], list[Fault], int]:
    """The rows of a shard, the originals that cannot be used, and how many pairs others had to be taken for."""
    rows: dict[int, Row] = {}
    faults: dict[int, Fault] = {}
    failed: list[int] = []
    order = sorted(range(len(task.jobs)), key=lambda place: (task.jobs[place].original, place))
    # One original after another, so that each is decoded once, and is out of memory when its pairs are made.
    for original, places in groupby(order, key=lambda place: task.jobs[place].original):
        alive()
        group = list(places)
        try:
            images = read_original(task, original, any(not _engine(task, place) for place in group))
        except UserError as error:
            faults[original] = _fault(task.originals[original], error)
            failed += group
            continue
        for place in group:
            rows[place] = make_pair(task, task.jobs[place], *images)
    for place in sorted(failed):
        alive()
        rows[place] = _make_instead(task, place, faults)
    return [rows[place] for place in range(len(task.jobs))], list(faults.values()), len(failed)


def make_pair(task: ShardTask, job: Job, clean: Tensor, degraded: Tensor | None) -> Row:
    """One pair: the same crop of both images of a pair, or a crop of a clean one that the engine damages.

    Args:
        task: What it belongs to.
        job: The pair.
        clean: The clean original (3, H, W) in [0, 1].
        degraded: The damaged one, of the same size, for a pair of a data set.
    """
    part, original = task.parts[job.part], task.originals[job.original]
    seed = derive_seed("pair", task.recipe.seed, part.name, original.source, original.key, job.number) >> 1
    box = _box(clean, task.recipe.crop, seed)
    before = _eight_bit(clean[box])
    if part.engine:
        level = part.component.level(job.level)
        unit = torch.from_numpy(before.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
        after = _eight_bit(apply(unit, level, seed))
        text, types = _describe(part.component.type, job.level)
    else:
        assert degraded is not None
        after = _eight_bit(degraded[box])
        text, types = None, part.component.types or original.types or _known_types(part.component.type)
    one, other = encode_png(before), encode_png(after)
    return Row(
        key=f"{part.name}/{original.source}/{original.key}/{job.number}",
        clean=one,
        degraded=other,
        type=part.component.type,
        types=types,
        level=job.level if part.engine else None,
        degradation=text,
        seed=seed if part.engine else None,
        source=original.source,
        image=original.key,
        real=original.real and not part.engine,
        made_by="engine" if part.engine else "pair",
        licence=original.licence,
        commercial=original.commercial,
        psnr=_psnr(before, after),
        sha256=hashlib.sha256(other).hexdigest(),
        clean_sha256=hashlib.sha256(one).hexdigest(),
    )


def encode_png(pixels: Bytes) -> bytes:
    """RGB pixels as a PNG file; the same ones give the same bytes, with the same version of OpenCV."""
    _, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), PNG)
    return data.tobytes()


def require_size(file: str, limit: int) -> None:
    """Refuses an image with more pixels than are to be decoded; what is no image passes, to be told when it is read.

    Raises:
        UserError: Naming the file.
    """
    try:
        width, height = image_size(file)
    except TooManyPixels:
        raise
    except UserError:
        return
    if width * height > limit:
        raise UserError(f"{file}: {width} x {height} pixels, more than filters.max_pixels ({limit:,})")


def read_clean(original: Original, limit: int) -> Tensor:
    """The clean image (3, H, W) in [0, 1].

    Raises:
        UserError: If it cannot be read, or has too many pixels.
    """
    return read_embedded(original.clean) if original.embedded else _read_file(original.clean, limit)


def _read_file(file: str, limit: int) -> Tensor:
    require_size(file, limit)
    return read_image(file).pixels


def _engine(task: ShardTask, place: int) -> bool:
    return task.parts[task.jobs[place].part].engine


def read_original(task: ShardTask, number: int, paired: bool) -> tuple[Tensor, Tensor | None]:
    """The clean image of an original and, for pairs, the damaged one, (3, H, W) in [0, 1].

    Raises:
        UserError: If one cannot be read, they differ in size, or are too small or too large.
    """
    original, limit = task.originals[number], task.recipe.filters.max_pixels
    clean = read_clean(original, limit)
    height, width = clean.shape[-2:]
    if task.recipe.small == "skip" and min(height, width) < task.recipe.crop:
        raise UserError(f"{original.clean}: {width} x {height} pixels, smaller than the crop ({task.recipe.crop})")
    if not paired or original.degraded is None:
        return clean, None
    degraded = _read_file(original.degraded, limit)
    if degraded.shape != clean.shape:
        theirs = f"{degraded.shape[-1]} x {degraded.shape[-2]}"
        raise UserError(f"{original.degraded}: {theirs} pixels, and its clean image has {width} x {height}")
    return clean, degraded


def _fault(original: Original, error: UserError) -> Fault:
    # A damaged image can be done without. One that has gone since the plan was made means that all may go.
    for file in (original.clean, original.degraded):
        if file is not None and not original.embedded and not os.path.lexists(file):
            raise UserError(
                f"{file}: gone since the build has begun; the same command goes on once it is back"
            ) from None
    problem = str(error)
    for file in (original.clean, original.degraded):
        problem = problem.replace(file, Path(file).name) if file is not None else problem
    return Fault(original.source, original.key, problem)


def _make_instead(task: ShardTask, place: int, faults: dict[int, Fault]) -> Row:
    job = task.jobs[place]
    candidates = task.instead[job.part]
    for attempt in range(len(candidates)):
        number = candidates[(place + attempt) % len(candidates)]
        if number in faults:
            continue
        try:
            images = read_original(task, number, not _engine(task, place))
        except UserError as error:
            faults[number] = _fault(task.originals[number], error)
            continue
        return make_pair(task, job._replace(original=number, number=task.first + place), *images)
    last = list(faults.values())[-1]
    raise UserError(
        f"component {task.parts[job.part].name}: {len(faults)} images cannot be used, the last is "
        f"{last.source}/{last.image}: {last.problem}; mend them, or leave their source out of the recipe"
    )


def _box(image: Tensor, side: int, seed: int) -> tuple[slice, slice, slice]:
    rng = np.random.default_rng(derive_seed("crop", seed))
    extents = [min(side, extent) for extent in image.shape[-2:]]
    top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip(image.shape[-2:], extents, strict=True))
    return slice(None), slice(top, top + extents[0]), slice(left, left + extents[1])


def _eight_bit(image: Tensor) -> Bytes:
    pixels: Bytes = image.mul(255).round_().byte().permute(1, 2, 0).contiguous().numpy()
    return pixels


def _psnr(one: Bytes, other: Bytes) -> float:
    squares = cv2.norm(one, other, cv2.NORM_L2SQR)
    return math.inf if not squares else 10 * math.log10(255**2 * one.size / squares)


@functools.cache
def _describe(type_name: str, place: int) -> tuple[str, tuple[str, ...]]:
    level = CATALOGUE[type_name].levels[place]
    return json.dumps(to_dict(level)), tuple(entry.name for entry in CATALOGUE.basic_types(level))


@functools.cache
def _known_types(name: str) -> tuple[str, ...]:
    try:
        return basic_types(name)
    except UserError:
        return ()  # a mixture of one kind or another


def report_row(report: ShardReport) -> dict[str, Any]:
    """A report as plain values."""
    return {**report._asdict(), "faults": [fault._asdict() for fault in report.faults]}


def read_report(values: Mapping[str, Any]) -> ShardReport:
    """A report from what ``report_row`` made of it.

    Raises:
        UserError: If it is none.
    """
    try:
        faults = tuple(Fault(**fault) for fault in values["faults"])
        return ShardReport(**{**values, "faults": faults})
    except (KeyError, TypeError):
        raise UserError("no record of a shard") from None
