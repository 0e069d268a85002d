"""Where tasks wait for workers: how many may, how long, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from maskdcpt.errors import UserError
from maskdcpt.serving.frames import Message
from maskdcpt.serving.limits import Limits
from maskdcpt.serving.process import WorkerLost, WorkerProcess
from maskdcpt.serving.refusal import Refusal
from maskdcpt.serving.telemetry import Telemetry

GRACE = 2.0
"""Seconds in which a worker may still finish what nobody waits for any longer: cheaper than to start a new one."""
RESTART_PAUSE = 5.0
"""Seconds between attempts to start a worker."""

_log = logging.getLogger(__name__)


class Desk:
    """Hands tasks to workers, and keeps as many workers alive as there should be; made by ``open_desk``.

    Args:
        command: The words that start a worker.
        limits: How many tasks, and how long.
        telemetry: What is counted.
    """

    def __init__(self, command: Sequence[str], limits: Limits, telemetry: Telemetry) -> None:
        self._command = list(command)
        self._limits = limits
        self._telemetry = telemetry
        self._idle: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self._workers: set[WorkerProcess] = set()
        self._chores: set[asyncio.Task[None]] = set()
        self._taken = 0
        self._mean_seconds = 1.0
        self.classes: list[str] | None = None
        """Types of damage that the weights can name, None where they name none."""

    @property
    def alive(self) -> int:
        """Workers that are ready or at work."""
        return sum(not worker.ended for worker in self._workers)

    @property
    def waiting(self) -> int:
        """Tasks that are in the house and not worked on."""
        return max(self._taken - self._limits.workers, 0)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Holds one of the places in the house, so that images are received only when there is room for them.

        Raises:
            Refusal: If all are taken.
        """
        if self._taken >= self._limits.places:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self._taken} requests are being worked on or waiting, which is the limit; try again later",
                self._retry_after(),
            )
        self._taken += 1
        self._telemetry.in_house.set(self._taken)
        try:
            yield
        finally:
            self._taken -= 1
            self._telemetry.in_house.set(self._taken)

    async def run(self, task: Message) -> Message:
        """Has a task worked on; to be called while holding a place. When this is cancelled, the work is dropped.

        Raises:
            Refusal: If no worker becomes free in time, the task takes too long, or it is refused or fails.
        """
        worker = await self._next_worker()
        begun = time.monotonic()
        answering = asyncio.create_task(worker.ask(task))
        answering.add_done_callback(_note_outcome)
        try:
            async with asyncio.timeout(self._limits.seconds):
                answer = await asyncio.shield(answering)
        except TimeoutError:
            self._telemetry.dropped.labels("too long").inc()
            self._start_chore(self._replace(worker))
            raise Refusal(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"the image was not done after {self._limits.seconds:g} s, which is the limit; try a smaller one",
            ) from None
        except asyncio.CancelledError:
            self._telemetry.dropped.labels("client gone").inc()
            self._start_chore(self._let_finish(worker, answering))
            raise
        except WorkerLost as error:
            _log.error("%s", error)
            self._start_chore(self._replace(worker))
            raise Refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "the process that worked on the image has ended, perhaps for lack of memory; try a smaller image",
            ) from None
        if "failed" in answer.values:
            _log.error("a task failed:\n%s", answer.values["failed"])
            self._start_chore(self._replace(worker))
            raise Refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR, "the image could not be worked on; the server's log says why"
            )
        self._idle.put_nowait(worker)
        if "refused" in answer.values:
            raise Refusal(HTTPStatus(answer.values["status"]), answer.values["refused"])
        seconds = time.monotonic() - begun
        self._mean_seconds += 0.2 * (seconds - self._mean_seconds)
        self._telemetry.seconds.observe(seconds)
        return answer

    async def fill(self) -> None:
        """Starts all workers.

        Raises:
            UserError: If the weights cannot be used.
            WorkerLost: If a worker does not start.
        """
        starts = (self._start() for _ in range(self._limits.workers))
        for outcome in await asyncio.gather(*starts, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def close(self) -> None:
        """Ends all workers."""
        for chore in list(self._chores):
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        self._workers.clear()

    async def _next_worker(self) -> WorkerProcess:
        try:
            async with asyncio.timeout(self._limits.seconds):
                while (worker := await self._idle.get()).ended:  # as the system may end one that does nothing
                    _log.error("a worker was ended while it had nothing to do")
                    self._start_chore(self._replace(worker))
                return worker
        except TimeoutError:
            self._telemetry.dropped.labels("waited too long").inc()
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"no worker was free within {self._limits.seconds:g} s; try again later",
                self._retry_after(),
            ) from None

    async def _start(self) -> None:
        worker = await WorkerProcess.start(self._command)
        self._workers.add(worker)
        self.classes = worker.classes
        self._idle.put_nowait(worker)

    async def _let_finish(self, worker: WorkerProcess, answering: asyncio.Task[Message]) -> None:
        done, _ = await asyncio.wait({answering}, timeout=GRACE)
        if done and answering.exception() is None and "failed" not in answering.result().values:
            self._idle.put_nowait(worker)
        else:
            await self._replace(worker)

    async def _replace(self, worker: WorkerProcess) -> None:
        self._workers.discard(worker)
        await worker.stop()  # which whoever still asks it is told
        self._telemetry.restarts.inc()
        while True:
            try:
                return await self._start()
            except (UserError, WorkerLost, OSError) as error:
                _log.error("a worker does not start: %s; trying again in %g s", error, RESTART_PAUSE)
                await asyncio.sleep(RESTART_PAUSE)

    def _start_chore(self, chore: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def _retry_after(self) -> int:
        return max(math.ceil(self._mean_seconds * (self.waiting + 1) / self._limits.workers), 1)


def _note_outcome(answering: asyncio.Task[Message]) -> None:
    # Nobody may be left who would look at it, which is no fault.
    if not answering.cancelled():
        answering.exception()


@asynccontextmanager
async def open_desk(command: Sequence[str], limits: Limits, telemetry: Telemetry) -> AsyncIterator[Desk]:
    """Starts workers, and ends them after the block.

    Args:
        command: The words that start a worker.
        limits: How many tasks, and how long.
        telemetry: What is counted.

    Raises:
        UserError: If the weights cannot be used, or workers do not start.
    """
    desk = Desk(command, limits, telemetry)
    try:
        try:
            await desk.fill()
        except WorkerLost as error:
            raise UserError(str(error)) from None
        yield desk
    finally:
        await desk.close()
