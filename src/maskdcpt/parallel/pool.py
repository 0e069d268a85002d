"""Working through many tasks, in this process or in others, which may be ended by the system at any time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from typing import Protocol, TypeVar

from maskdcpt.errors import UserError
from maskdcpt.parallel.process import prepare_worker
from maskdcpt.signals import starting_workers

STARTS = 3
"""How often workers are started, and one ends, without a result in between, before it is given up."""

AHEAD = 2
"""Tasks for each worker that are handed out at a time."""

POLL = 0.2
"""Seconds between two looks whether to stop."""

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class Pool(Protocol):
    """What tasks are worked off by."""

    @property
    def workers(self) -> int:
        """How many tasks are worked on at a time; 0 for one, in this process."""
        ...

    def work_off(
        self,
        work: Callable[[TaskT], ResultT],
        numbers: Sequence[int],
        task: Callable[[int], TaskT],
        *,
        alive: Callable[[], object],
        alone: Callable[[TaskT], ResultT] | None = None,
    ) -> Generator[tuple[int, ResultT], None, None]:
        """Yields the results of tasks as they are done, each with the number of its task.

        A worker that the system ends, as it does when memory is short, is replaced, and its task done again. Ended
        early, by an error, by ``alive`` or by closing the iterator, all work is ended too.

        Args:
            work: Does a task; a function of a module, for other processes have to find it.
            numbers: The tasks.
            task: Puts a task together when it is needed.
            alive: Called now and then; what it raises ends the work.
            alone: Does a task in this process, where that is another function.

        Raises:
            UserError: If one worker after another is ended.
        """
        ...


class Processes:
    """Processes of this machine.

    Args:
        workers: How many; 0 for this one alone.
        say: Is told, a line at a time, of workers that were replaced.
    """

    def __init__(self, workers: int, say: Callable[[str], object] = lambda line: None) -> None:
        self.workers = workers
        self._say = say

    def work_off(
        self,
        work: Callable[[TaskT], ResultT],
        numbers: Sequence[int],
        task: Callable[[int], TaskT],
        *,
        alive: Callable[[], object],
        alone: Callable[[TaskT], ResultT] | None = None,
    ) -> Generator[tuple[int, ResultT], None, None]:
        """As ``Pool.work_off``."""
        if not self.workers:
            for number in numbers:
                alive()
                yield number, (alone or work)(task(number))
            return
        left = dict.fromkeys(numbers)
        failures = 0
        while left:
            try:
                for number, result in _in_processes(work, list(left), task, min(self.workers, len(left)), alive):
                    del left[number]
                    failures = 0
                    yield number, result
            except BrokenProcessPool:
                alive()  # where all processes were asked to stop, the workers end first
                failures += 1
                if failures == STARTS:
                    raise ended_by_the_system(f"lower --workers ({self.workers})") from None
                self._say("a worker was ended by the system; its work is done again")


HERE = Processes(0)
"""This process alone."""


def ended_by_the_system(remedy: str) -> UserError:
    """The error after workers that the system has ended."""
    return UserError(
        f"{STARTS} times without a result in between a worker was ended by the system; memory is probably short: "
        f"{remedy}"
    )


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
                given = task(number)
                with starting_workers():
                    running[pool.submit(work, given)] = number
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
    prepare_worker()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A main process that is killed cannot end its workers, and they would wait for tasks for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
