"""A process that works beside others: how many there are, and how many threads each has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch

from maskdcpt.allocator import keep_freed_memory
from maskdcpt.devices import usable_processors


def usual_workers() -> int:
    """How many processes are used where none are asked for: one for each processor that this process may use."""
    return usable_processors()


def prepare_worker() -> None:
    """Lets a process work beside others and beside training."""
    keep_freed_memory()
    # Each has a core; more threads would only compete with those of the others.
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Has this process compute on one core in the block, as each worker does."""
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
