"""Times that can be compared: everything takes turns, so that all of it sees the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import torch

Work = Callable[[], object]

MATRIX = 2048
"""Side of the matrices whose product tells what a machine can do."""


def race(runners: Mapping[str, Work], device: torch.device, repetitions: int) -> dict[str, float]:
    """The shortest time of each runner in seconds, after one run of each that does not count.

    Args:
        runners: Name to work.
        device: Where the work happens.
        repetitions: How often each runs; between two runs of one all others have theirs.
    """
    rounds = list(laps(runners, device, repetitions))
    return {name: min(times[name] for times in rounds) for name in runners}


def laps(runners: Mapping[str, Work], device: torch.device, repetitions: int) -> Iterator[dict[str, float]]:
    """The times of each runner in seconds lap by lap, after one run of each that does not count.

    Args:
        runners: Name to work.
        device: Where the work happens.
        repetitions: Number of laps; in each of them all take their turn.
    """
    for lap in range(1 + repetitions):
        times = {name: _seconds(work, device) for name, work in runners.items()}
        if lap:
            yield times


def matrix_product(device: torch.device, dtype: torch.dtype = torch.float32, side: int = MATRIX) -> Work:
    """A product of two square matrices."""
    a, b = (torch.rand(side, side, device=device, dtype=dtype) for _ in range(2))
    return lambda: a @ b


MATRIX_FLOPS = 2 * MATRIX**3
"""Floating-point operations of such a product."""


def _seconds(work: Work, device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
