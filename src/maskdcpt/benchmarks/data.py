"""The speed of building a data set and of reading it back, and from these what 2.5 million pairs cost."""

from __future__ import annotations

import cProfile
import os
import pstats
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from maskdcpt.benchmarks.table import line
from maskdcpt.corpus import Plan, ShardTask, make_plan, make_shard, open_sources, read_recipe
from maskdcpt.data import DataConfig, EmbeddedImages, SourceConfig
from maskdcpt.data.shard_files import IMAGES, ShardFiles
from maskdcpt.data.shards import ShardPairs
from maskdcpt.errors import UserError
from maskdcpt.images import decode_image, list_images, write_image
from maskdcpt.parallel import prepare_worker
from maskdcpt.profiling.memory import resident_memory
from maskdcpt.progress import progress_bar

RECIPE = "uir-2.5m"
"""Whose make-up is measured, and whose number of pairs is projected."""

OWN = "own"
"""Folder of clean images in that recipe, for those who have no data sets."""

WORKERS = 2
"""Processes that are raced against one."""

MANY = 16
"""Processes that are projected to."""

CORE_HOUR = 0.05
"""US dollars for a core and an hour: about what clouds let general-purpose virtual cores for."""

STAGES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "reading originals": (("make.py", "read_original"),),
    "the engine": (("base.py", "apply"),),
    "PNG": (("make.py", "encode_png"),),
    "hashes and PSNR": (("make.py", "_psnr"), ("~", "openssl_sha256"), ("hashlib.py", "file_digest")),
    "writing the shard": (("table.py", "write_table"), ("files.py", "_sync")),
}
"""Functions that a pair spends its time in, by file and name."""


class DataPlan(NamedTuple):
    """How much is measured."""

    shard: int
    """Pairs in a file."""
    laps: int
    """How often one worker makes two shards, and two workers make one of them each; the median of the laps counts."""
    pairs: int
    """Pairs that are made to see whether memory stays level."""
    reads: int
    """Laps of reading pairs back, against decoding the same images alone."""
    images: int | None
    """Generated clean images; None for the usual number."""
    batch: int = 200
    """Pairs in a lap of reading."""


FULL_DATA = DataPlan(shard=512, laps=5, pairs=50_000, reads=9, images=None)
QUICK_DATA = DataPlan(shard=96, laps=2, pairs=768, reads=3, images=30)


class Made(NamedTuple):
    """What a worker has made."""

    pairs: int
    """Pairs."""
    bytes: int
    """Size of their files."""
    seconds: float
    """How long it took."""
    processor: float
    """Processor time in seconds."""
    process: int
    """Number of the process."""
    memory: int
    """Bytes that it then held."""
    hashes: tuple[str, ...]
    """SHA-256 of the files."""


class ReadBack(NamedTuple):
    """How fast pairs were read."""

    decoded: list[float]
    """Pairs a second whose images were decoded from memory, lap by lap."""
    read: list[float]
    """Those that were read from shards at random."""
    memory: tuple[int, int]
    """Bytes that the process held after the first lap and after the last."""


class Costs(NamedTuple):
    """What was measured."""

    one: float
    """Pairs a second of one worker."""
    two: float
    """Of two."""
    scaling: float
    """How many times as fast two are."""
    processor: float
    """Processor time of a pair in seconds, of one worker."""
    bytes: float
    """Size of a pair."""


def bench_data(plan: DataPlan, photos: Path | None = None) -> Iterator[str]:
    """Measures building and reading data sets in the make-up of UIR-2.5M, and tells the tables as lines of Markdown.

    All pairs are made by the engine, in temporary folders, by what ``maskdcpt data build`` makes shards with.

    Args:
        plan: How much is measured.
        photos: Folder of clean images; without it the embedded ones, as PNG files.

    Raises:
        UserError: If the folder has no images or, later, none of them can be used.
    """
    if photos is not None:
        list_images(photos)
    return _lines(plan, photos)  # apart, so that errors above come at once and not with the first line


def _lines(plan: DataPlan, photos: Path | None) -> Iterator[str]:
    with TemporaryDirectory(prefix="maskdcpt-bench-") as name, _workers() as pool:
        folder = Path(name)
        corpus = _corpus(plan, folder, photos)
        costs = _race(pool, corpus, plan, folder)
        yield from _head("Making pairs of 256 x 256 pixels", ("workers", "pairs/s", "of one"))
        yield line(("1", f"{costs.one:.1f}", "1.00"))
        yield line((f"{WORKERS}", f"{costs.two:.1f}", f"{costs.scaling:.2f}"))
        sizes = f"{1000 * costs.processor:.1f} ms of processor time and {costs.bytes / 1000:.0f} kB on the disk"
        yield from ("", f"A pair takes {sizes}. Where the time goes: {_shares(pool, corpus, folder)}.", "")
        yield from _memory(pool, corpus, plan, folder)
        yield ""
        yield from _reading(pool, plan, folder)
        yield ""
        yield from _projection(costs)


def _corpus(plan: DataPlan, folder: Path, photos: Path | None) -> Plan:
    """All pairs of the recipe, made from these images."""
    root = folder / "root"
    root.mkdir()
    if photos is not None:
        (root / OWN).symlink_to(photos.resolve(), target_is_directory=True)
    else:
        (root / OWN).mkdir()
        images = EmbeddedImages("train", plan.images)
        with progress_bar(total=len(images.names), title="bench: clean images", unit="image") as bar:
            for number, name in enumerate(images.names):
                write_image(images[number], root / OWN / f"{name}.png")
                bar.update()
    recipe = replace(read_recipe(RECIPE), shard=plan.shard)
    sources = open_sources(recipe, root, {})
    return make_plan(recipe, sources)


def _race(pool: ProcessPoolExecutor, corpus: Plan, plan: DataPlan, folder: Path) -> Costs:
    # Both make the very same pairs, right after each other, so that a machine that slows down slows both down.
    alone: list[Made] = []
    together: list[list[Made]] = []
    _make_all(pool, [[_task(corpus, number, folder)] for number in range(WORKERS)], meet=True)  # does not count
    with progress_bar(total=plan.laps, title="bench: workers", unit="lap") as bar:
        for lap in range(plan.laps):
            tasks = [_task(corpus, lap * WORKERS + number, folder) for number in range(WORKERS)]
            alone += _make_all(pool, [tasks])
            together.append(_make_all(pool, [[task] for task in tasks], meet=True))
            if alone[-1].hashes != tuple(name for made in together[-1] for name in made.hashes):
                raise AssertionError("the same pairs are other bytes from another worker")
            bar.update()
    rates = [sum(made.pairs / made.seconds for made in lap) for lap in together]
    one = [made.pairs / made.seconds for made in alone]
    pairs = sum(made.pairs for made in alone)
    return Costs(
        one=median(one),
        two=median(rates),
        scaling=median(both / single for both, single in zip(rates, one, strict=True)),
        processor=sum(made.processor for made in alone) / pairs,
        bytes=sum(made.bytes for made in alone) / pairs,
    )


def _shares(pool: ProcessPoolExecutor, corpus: Plan, folder: Path) -> str:
    times = pool.submit(_profiled, _task(corpus, 0, folder)).result()
    total = times.pop("")
    times["others"] = total - sum(times.values())
    return ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in times.items())


def _memory(pool: ProcessPoolExecutor, corpus: Plan, plan: DataPlan, folder: Path) -> Iterator[str]:
    first, count = WORKERS * plan.laps, -(-plan.pairs // plan.shard)
    tasks = [_task(corpus, (first + number) % corpus.shards, folder) for number in range(count)]
    held: dict[int, list[tuple[int, int]]] = {}
    pairs = 0
    start = time.perf_counter()
    with progress_bar(total=plan.pairs, title="bench: memory", unit="pair") as bar:
        for future in as_completed([pool.submit(_make_and_forget, task) for task in tasks]):
            made = future.result()
            pairs += made.pairs
            held.setdefault(made.process, []).append((pairs, made.memory))
            bar.update(made.pairs)
    seconds = time.perf_counter() - start
    title = f"Memory of the larger worker while two make {pairs:,} pairs, {pairs / seconds:.1f} a second"
    yield from _head(title, ("pairs", "MiB", "of the first"))
    largest = max(held.values(), key=lambda values: max(memory for _, memory in values))
    base = None
    for share in (0.1, 0.25, 0.5, 1.0):
        so_far = [memory for done, memory in largest if done <= share * pairs] or [largest[0][1]]
        base = base or max(so_far)
        yield line((f"{share * pairs:,.0f}", f"{max(so_far) / 2**20:.0f}", f"{max(so_far) / base:.2f}"))


def _reading(pool: ProcessPoolExecutor, plan: DataPlan, folder: Path) -> Iterator[str]:
    found = pool.submit(_read_back, folder / "data", plan.reads, plan.batch).result()
    share = median(read / decoded for read, decoded in zip(found.read, found.decoded, strict=True))
    yield from _head("Reading pairs at random, in one process", ("", "pairs/s", "of decoding"))
    yield line(("images decoded from memory", f"{median(found.decoded):.0f}", "1.00"))
    yield line(("pairs read from shards", f"{median(found.read):.0f}", f"{share:.2f}"))
    grown = (found.memory[1] - found.memory[0]) / 2**20
    yield from (
        "",
        f"From the first to the last of {plan.reads} x {plan.batch} pairs the process grew by {grown:.0f} MiB.",
    )


def _projection(costs: Costs) -> Iterator[str]:
    pairs = read_recipe(RECIPE).samples
    columns = ("workers", "pairs/s", "hours", "core hours", "US dollars", "GB")
    yield from _head(f"{pairs:,} pairs, projected", columns)
    size = f"{pairs * costs.bytes / 1e9:.0f}"
    for workers, rate in ((1, costs.one), (WORKERS, costs.two), (MANY, costs.two / WORKERS * MANY)):
        hours = pairs / rate / 3600
        cores = workers * hours
        yield line((str(workers), f"{rate:.0f}", f"{hours:.1f}", f"{cores:.0f}", f"{CORE_HOUR * cores:.2f}", size))
    yield from (
        "",
        f"{MANY} workers are taken for {MANY // WORKERS} times two, each with a core of its own; "
        f"a core and an hour, to cost {CORE_HOUR} dollars.",
    )


def _task(corpus: Plan, shard: int, folder: Path) -> ShardTask:
    return corpus.task(shard, folder / "data")


def _make_all(pool: ProcessPoolExecutor, tasks: Sequence[Sequence[ShardTask]], *, meet: bool = False) -> list[Made]:
    return [future.result() for future in [pool.submit(_make, each, meet) for each in tasks]]


@contextmanager
def _workers() -> Iterator[ProcessPoolExecutor]:
    context = get_context("spawn")
    try:
        with ProcessPoolExecutor(WORKERS, context, initializer=_begin, initargs=(context.Barrier(WORKERS),)) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    except BrokenProcessPool:
        raise UserError("a worker was ended by the system; memory is probably short") from None


_together: Barrier


def _begin(barrier: Barrier) -> None:
    global _together
    _together = barrier
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal it reaches all; the main process ends its workers
    prepare_worker()


def _make(tasks: Sequence[ShardTask], meet: bool) -> Made:
    if meet:
        _together.wait(timeout=600)
    start, processor = time.perf_counter(), time.process_time()
    for task in tasks:
        task.path.parent.mkdir(exist_ok=True)
    reports = [make_shard(task) for task in tasks]
    return Made(
        pairs=sum(report.rows for report in reports),
        bytes=sum(report.bytes for report in reports),
        seconds=time.perf_counter() - start,
        processor=time.process_time() - processor,
        process=os.getpid(),
        memory=resident_memory(),
        hashes=tuple(report.sha256 for report in reports),
    )


def _make_and_forget(task: ShardTask) -> Made:
    path = task.path.with_name(f"again-{task.path.name}")
    made = _make([replace(task, path=path)], meet=False)
    path.unlink()
    return made


def _profiled(task: ShardTask) -> dict[str, float]:
    """Seconds by stage, and of all under an empty name."""
    profile = cProfile.Profile()
    profile.runcall(make_shard, task)
    found: dict[tuple[str, str], float] = {}
    total = 0.0
    for (file, _, name), (_, _, own, whole, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        place = Path(file).name, _short(name)
        found[place] = found.get(place, 0.0) + whole
        total += own
    return {"": total} | {stage: sum(found.get(place, 0.0) for place in places) for stage, places in STAGES.items()}


def _short(name: str) -> str:
    # Functions in C are called "<built-in method _hashlib.openssl_sha256>".
    return name.removeprefix("<built-in method ").rstrip(">").rpartition(".")[2]


def _read_back(folder: Path, laps: int, batch: int) -> ReadBack:
    config = DataConfig(sources=(SourceConfig(kind="shards", folder=str(folder)),), workers=0)
    pairs = ShardPairs(folder, config.sources[0], config, limit=0)  # of 2.5 million none would be kept in memory
    files = ShardFiles(folder, ())
    order = np.random.default_rng(0).permutation(len(pairs.labels)).tolist()
    decoded, read, memory = [], [], []
    for lap in range(1 + laps):
        rows = [order[(lap * batch + place) % len(order)] for place in range(batch)]
        contents = [files.content(row, name) or b"" for row in rows for name in IMAGES]

        def decode(contents: Sequence[bytes] = contents) -> None:
            for data in contents:
                decode_image(data, "")

        def fetch(rows: Sequence[int] = rows) -> None:
            for row in rows:
                pairs[row]

        times = _seconds(decode), _seconds(fetch)
        if lap:  # in the first everything is done for the first time
            decoded.append(batch / times[0])
            read.append(batch / times[1])
            memory.append(resident_memory())
    return ReadBack(decoded, read, (memory[0], memory[-1]))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _head(title: str, columns: Sequence[str]) -> tuple[str, ...]:
    return f"{title}:", "", line(columns), line(["---", *("---:" for _ in columns[1:])])
