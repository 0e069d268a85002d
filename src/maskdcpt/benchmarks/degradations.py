"""The speed of every kind of degradation, where its time goes, and what a second worker of the data loader brings."""

from __future__ import annotations

import cProfile
import math
import pstats
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import islice
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from statistics import median
from typing import NamedTuple

from torch import Tensor

from maskdcpt.benchmarks.table import line
from maskdcpt.data import (
    DataConfig,
    DegradedCrops,
    EmbeddedImages,
    central_crop,
    clean_data,
    sample_photo,
    training_batches,
)
from maskdcpt.degradations import CATALOGUE, Degradation, Level, apply
from maskdcpt.parallel import one_thread, prepare_worker
from maskdcpt.progress import progress_bar

SIDE = 256
"""Side of the images in pixels."""
BATCH, CROP = 16, 128
"""Crops a batch in the race of data workers, and their side in pixels."""


class DegradationPlan(NamedTuple):
    """How much is measured."""

    rounds: int
    """How often each level is applied; the fastest counts."""
    batches: int
    """Batches that the data loader makes in each lap of the race of one worker against two; 0 for no race."""
    laps: int = 7
    """Laps of that race, one worker and two right after each other; the median of their ratios counts."""


FULL_DEGRADATIONS = DegradationPlan(rounds=5, batches=60)
QUICK_DEGRADATIONS = DegradationPlan(rounds=2, batches=0)


def bench_degradations(names: Sequence[str], plan: DegradationPlan) -> Iterator[str]:
    """Measures degradations on one core, and tells the tables as lines of Markdown.

    Args:
        names: Types or kinds of level.
        plan: How much is measured.

    Raises:
        UserError: If a name is unknown.
    """
    entries = [CATALOGUE[name] for name in names]
    return _lines(entries, plan)  # apart, so that errors above come at once and not with the first line


def _lines(entries: Sequence[Degradation], plan: DegradationPlan) -> Iterator[str]:
    yield from (f"Images of {SIDE} x {SIDE} pixels a second on one core, and the shares of what takes longest:", "")
    yield from (line(("type", "kind", "images/s", "shares")), line(("---", "---", "---:", "---")))
    photo = central_crop(sample_photo("astronaut"), SIDE)
    rates: list[float] = []
    kinds = [entry.only(kind) for entry in entries for kind in entry.kinds]
    with one_thread(), progress_bar(total=len(kinds), title="bench", unit="kind") as bar:
        for kind in kinds:
            levels = (*kind.levels, *kind.held_out)
            seconds = [_fastest(photo, level, plan.rounds) for level in levels]
            rates.append(len(levels) / sum(seconds))
            yield line((CATALOGUE.types_of(levels[0])[0].name, kind.name, f"{rates[-1]:.0f}", _shares(photo, levels)))
            bar.update()
    mean = math.exp(sum(map(math.log, rates)) / len(rates))
    yield from ("", f"Geometric mean {mean:.0f} images/s, slowest {min(rates):.0f} images/s.", "")
    if plan.batches:
        names = tuple(entry.name for entry in entries if entry.levels)
        yield _race(names, plan)


def _fastest(photo: Tensor, level: Level, rounds: int) -> float:
    times = []
    for seed in range(rounds):
        start = time.perf_counter()
        apply(photo, level, seed)
        times.append(time.perf_counter() - start)
    return min(times)


def _shares(photo: Tensor, levels: Sequence[Level], shown: int = 3) -> str:
    # Time spent in each function itself; arithmetic on arrays counts for the function that it stands in.
    profile = cProfile.Profile()
    profile.enable()
    for seed, level in enumerate(levels):
        apply(photo, level, seed)
    profile.disable()
    times: dict[str, float] = {}
    for (_, _, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        short = _short(name)
        times[short] = times.get(short, 0.0) + own
    total = sum(times.values())
    longest = sorted(times.items(), key=lambda item: -item[1])[:shown]
    return ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in longest)


def _short(name: str) -> str:
    # Functions in C are called "<method 'poisson' of 'numpy.random._generator.Generator' objects>" and the like.
    if name.startswith("<method '"):
        return name.split("'")[1]
    return name.removeprefix("<built-in method ").strip("<>").rpartition(".")[2].strip("<>")


def _race(names: tuple[str, ...], plan: DegradationPlan) -> str:
    # The three right after each other in every lap, so that a machine that slows down slows them all.
    rates = [
        (_loader_rate(names, 1, plan.batches), _loader_rate(names, 2, plan.batches), *_plain_rates(names, plan.batches))
        for _ in range(plan.laps)
    ]
    one = median(lap[0] for lap in rates)
    loader, plain = (median(lap[two] / lap[single] for lap in rates) for single, two in ((0, 1), (2, 3)))
    return (
        f"The data loader makes {one:.0f} crops a second with one worker, {loader:.2f} times as many with two; "
        f"without a loader, two processes make {plain:.2f} times as many as one."
    )


def _loader_rate(names: tuple[str, ...], workers: int, batches: int) -> float:
    # Crops a second in the long run: starting workers, filling their queues and their uneven end do not count.
    config = DataConfig(types=names, crop=CROP, workers=workers)
    data = clean_data(EmbeddedImages("train", generated=0), config)
    margin = 8 * workers
    numbers = [range(step * BATCH, (step + 1) * BATCH) for step in range(margin + batches + margin)]
    with closing(training_batches(data, config, batches=numbers, seed=0)) as stream:
        for _ in islice(stream, margin):
            pass
        start = time.perf_counter()
        for _ in islice(stream, batches):
            pass
        return batches * BATCH / (time.perf_counter() - start)


def _plain_rates(names: tuple[str, ...], batches: int) -> tuple[float, float]:
    """Crops a second of one process, and of two side by side: what the machine itself gives."""
    samples = batches * BATCH // 2
    rates = []
    context = get_context("spawn")
    for processes in (1, 2):
        together = context.Barrier(processes)
        with ProcessPoolExecutor(processes, context, initializer=_wait_for, initargs=(together,)) as pool:
            rates.append(sum(pool.map(_plain_rate, [names] * processes, [samples] * processes, range(processes))))
    return rates[0], rates[1]


_together: Barrier


def _wait_for(barrier: Barrier) -> None:
    global _together
    _together = barrier
    prepare_worker()


def _plain_rate(names: tuple[str, ...], samples: int, part: int) -> float:
    config = DataConfig(types=names, crop=CROP, workers=0)
    crops = DegradedCrops(clean_data(EmbeddedImages("train", generated=0), config), config, seed=0)
    for index in range(BATCH):  # the first crops read the images
        crops[index]
    _together.wait()
    start = time.perf_counter()
    for index in range(samples):
        crops[BATCH + part * samples + index]
    return samples / (time.perf_counter() - start)
