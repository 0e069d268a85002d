"""Working through many tasks on the machines of a Ray cluster.

Plain Ray tasks, and not its library for data: what is worked on are the numbers of shards, and putting a task together
only when a machine is free for it keeps memory small.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from itertools import islice
from types import ModuleType
from typing import Any, TypeVar

from maskdcpt.errors import UserError
from maskdcpt.parallel import AHEAD, POLL, STARTS, ended_by_the_system, prepare_worker

LOCAL = "local"
"""In place of an address: a cluster that is started on this machine for the work, and ends with it."""

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


class Cluster:
    """Machines that share the folders of sources and results, each with this package installed.

    Made by ``cluster``.
    """

    def __init__(self, ray: ModuleType) -> None:
        self._ray = ray
        self.workers = int(ray.cluster_resources().get("CPU", 1))
        """Tasks at a time: one for each core of the cluster."""

    def work_off(
        self,
        work: Callable[[TaskT], ResultT],
        numbers: Sequence[int],
        task: Callable[[int], TaskT],
        *,
        alive: Callable[[], object],
        alone: Callable[[TaskT], ResultT] | None = None,
    ) -> Generator[tuple[int, ResultT], None, None]:
        """As ``Pool.work_off``; ``alone`` is of no use here.

        Raises:
            UserError: If one worker after another is ended, or a machine has another version of this package.
        """
        ray = self._ray
        remote = ray.remote(num_cpus=1, max_retries=STARTS - 1)(_work)
        waiting = iter(numbers)
        running: dict[Any, int] = {}
        try:
            while True:
                for number in islice(waiting, AHEAD * self.workers - len(running)):
                    running[remote.remote(work, task(number), version("maskdcpt"))] = number
                if not running:
                    return
                done, _ = ray.wait(list(running), num_returns=1, timeout=POLL)
                alive()
                for reference in done:
                    yield running.pop(reference), self._result(reference)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)

    def _result(self, reference: Any) -> Any:
        failed = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except failed.RayTaskError as error:
            # An exception of a task arrives wrapped in its traceback.
            raise error.cause from None
        except (failed.WorkerCrashedError, failed.OutOfMemoryError, failed.NodeDiedError):
            raise ended_by_the_system("that fewer work on a machine, by ray start --num-cpus") from None


@contextmanager
def cluster(address: str, workers: int) -> Iterator[Cluster]:
    """Connects to a Ray cluster, or starts one on this machine.

    Args:
        address: ``local``; ``auto`` for the cluster that this machine belongs to; or where one is, as Ray takes it.
        workers: Worker processes of a local one.

    Raises:
        UserError: If Ray is not installed, or there is no such cluster.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        ray = import_module("ray")
    except ImportError:
        raise UserError('--cluster needs Ray: pip install "maskdcpt[cluster]"') from None
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address == LOCAL:
            # What tasks take and give is small, and the usual third of the memory is better left to images.
            ray.init(num_cpus=max(workers, 1), include_dashboard=False, object_store_memory=2**28, **quiet)
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"--cluster {address}: no Ray cluster can be reached there ({reason})") from None
    try:
        yield Cluster(ray)
    finally:
        ray.shutdown()


def _work(work: Callable[[TaskT], ResultT], task: TaskT, expected: str) -> ResultT:
    here = version("maskdcpt")
    if here != expected:
        raise UserError(f"{os.uname().nodename}: has maskdcpt {here}, and the build {expected}; install the same")
    prepare_worker()
    return work(task)
