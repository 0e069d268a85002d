"""How long and how large a data set will be, from a few pairs that are made on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maskdcpt.corpus.make import make_pair, read_original
from maskdcpt.corpus.plan import Plan
from maskdcpt.errors import UserError
from maskdcpt.parallel import one_thread

SAMPLE = 3
"""Pairs that are made of each part; the first does not count, for much is done once and for all in it."""


class Estimate(NamedTuple):
    """What a data set will cost, about."""

    pair_seconds: float
    """Time of one pair on one core, images read and compressed, the mean over the whole plan."""
    pair_bytes: float
    """Size of one pair."""
    pairs: int
    """Pairs in all."""
    measured: int
    """Pairs that this was told from."""

    def seconds(self, workers: int) -> float:
        """Time of all pairs with so many workers, each with a core of its own."""
        return self.pairs * self.pair_seconds / max(workers, 1)

    @property
    def bytes(self) -> float:
        """Size of all pairs."""
        return self.pairs * self.pair_bytes


def estimate(plan: Plan) -> Estimate | None:
    """Makes a few pairs of everything in a plan, and counts up; None if none of these can be made.

    Takes a few seconds. Nothing is written.
    """
    with one_thread():
        return _estimate(plan)


def _estimate(plan: Plan) -> Estimate | None:
    reads: dict[int, list[float]] = {}
    seconds = sizes = weight = 0.0
    measured = 0
    for part in range(len(plan.parts)):
        own = np.flatnonzero(plan.part == part)
        chosen = own[np.linspace(0, len(own) - 1, min(SAMPLE, len(own))).astype(int)]
        task = plan.task_of(chosen, 0, Path())
        times, lengths = [], []
        for place, job in enumerate(task.jobs):
            try:
                start = time.perf_counter()
                images = read_original(task, job.original, not plan.parts[part].engine)
                middle = time.perf_counter()
                row = make_pair(task, job, *images)
            except UserError:
                continue
            reads.setdefault(int(plan.source[chosen[place]]), []).append(middle - start)
            times.append(time.perf_counter() - middle)
            lengths.append(len(row.clean) + len(row.degraded))
        if times:
            kept = times[1:] or times
            seconds += len(own) * sum(kept) / len(kept)
            sizes += len(own) * sum(lengths) / len(lengths)
            weight += len(own)
            measured += len(times)
    if not weight:
        return None
    # An original is read once for all pairs of it that lie beside each other.
    fresh = np.concatenate(([True], (np.diff(plan.image) != 0) | (np.diff(plan.source.astype(np.int32)) != 0)))
    times_read = np.bincount(plan.source[fresh], minlength=len(plan.sources))
    reading = sum(float(times_read[source]) * float(np.median(found)) for source, found in reads.items())
    return Estimate(seconds / weight + reading / len(plan), sizes / weight, len(plan), measured)
