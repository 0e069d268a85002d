"""Working through many tasks, in this process or in others, which may be ended by the system at any time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from typing import TypeVar

from maskdcpt.data.loader import prepare_worker
from maskdcpt.errors import UserError

STARTS = 3
"""How often workers are started, and one ends, without a result in between, before it is given up."""

AHEAD = 2
"""Tasks for each worker that are handed out at a time."""

POLL = 0.2
"""Seconds between two looks whether to stop."""

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


def work_off(
    work: Callable[[TaskT], ResultT],
    numbers: Sequence[int],
    task: Callable[[int], TaskT],
    *,
    workers: int,
    alive: Callable[[], object],
    alone: Callable[[TaskT], ResultT] | None = None,
) -> Generator[tuple[int, ResultT], None, None]:
    """Yields the results of tasks as they are done, each with the number of its task.

    A worker that the system ends, as it does when memory is short, is replaced, and its task done again. Ended early,
    by an error, by ``alive`` or by closing the iterator, all workers are ended too.

    Args:
        work: Does a task; a function of a module, for other processes have to find it.
        numbers: The tasks.
        task: Puts a task together when it is needed.
        workers: Processes; 0 for this one alone.
        alive: Called now and then; what it raises ends the work.
        alone: Does a task in this process, where that is another function.

    Raises:
        UserError: If one worker after another is ended.
    """
    if not workers:
        for number in numbers:
            alive()
            yield number, (alone or work)(task(number))
        return
    left = dict.fromkeys(numbers)
    failures = 0
    while left:
        try:
            for number, result in _in_processes(work, list(left), task, min(workers, len(left)), alive):
                del left[number]
                failures = 0
                yield number, result
        except BrokenProcessPool:
            alive()  # where all processes were asked to stop, the workers end first
            failures += 1
            if failures == STARTS:
                raise UserError(
                    f"{STARTS} times without a result in between a worker was ended by the system; memory is probably "
                    f"short: lower --workers ({workers})"
                ) from None


def _in_processes(
    work: Callable[[TaskT], ResultT],
    numbers: Iterable[int],
    task: Callable[[int], TaskT],
    workers: int,
    alive: Callable[[], object],
) -> Iterator[tuple[int, ResultT]]:
    # A forked process would inherit locks of threads that it does not have.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_prepare)
    before = set(active_children())
    waiting = iter(numbers)
    running: dict[Future[ResultT], int] = {}
    whole = False
    try:
        while True:
            for number in islice(waiting, AHEAD * workers - len(running)):
                running[pool.submit(work, task(number))] = number
            if not running:
                whole = True
                return
            done, _ = wait(running, timeout=POLL, return_when=FIRST_COMPLETED)
            alive()
            for future in sorted(done, key=running.__getitem__):
                yield running.pop(future), future.result()
    finally:
        if not whole:
            for worker in set(active_children()) - before:
                worker.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare() -> None:
    # Ctrl-C reaches every process of a terminal; what becomes of the work is for the main one to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare_worker(0)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A main process that is killed cannot end its workers, and they would wait for tasks for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
