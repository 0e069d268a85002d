"""A worker process as the server sees it."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from maskdcpt.errors import UserError
from maskdcpt.serving.frames import Message, receive_message

START_SECONDS = 300
"""How long a worker may take to load its weights, which may have to be downloaded."""


class WorkerLost(Exception):  # noqa: N818  the process has an error, not this one
    """A worker has ended, or talks nonsense."""


class WorkerProcess:
    """A process that answers one message after another.

    Made by ``start``.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._talking = asyncio.Lock()
        self.classes: list[str] | None = None
        """Types of damage that its weights can name, None where they name none."""

    @classmethod
    async def start(cls, command: Sequence[str]) -> WorkerProcess:
        """Starts a process and waits until its weights are loaded.

        Args:
            command: Its words.

        Raises:
            UserError: If the weights cannot be used.
            WorkerLost: If it ends, or does not get ready in ``START_SECONDS``.
        """
        # A session of its own, so that Ctrl-C in a terminal reaches the server alone.
        spawning = asyncio.create_task(
            asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, start_new_session=True)
        )
        try:
            worker = cls(await asyncio.shield(spawning))
        except asyncio.CancelledError:
            await cls(await spawning).stop()  # half a process cannot be ended
            raise
        try:
            async with asyncio.timeout(START_SECONDS):
                ready = await worker._receive()
        except TimeoutError:
            await worker.stop()
            raise WorkerLost(f"a worker was not ready after {START_SECONDS} s") from None
        except BaseException:
            await worker.stop()
            raise
        if "refused" in ready.values:
            await worker.stop()
            raise UserError(ready.values["refused"])
        worker.classes = ready.values["classes"]
        return worker

    @property
    def ended(self) -> bool:
        """Whether the process is no more."""
        return self._process.returncode is not None

    async def ask(self, message: Message) -> Message:
        """Hands over a task and waits for its answer.

        When this is interrupted, the worker is in the middle of something and must not be asked again.

        Raises:
            WorkerLost: If the process ends meanwhile.
        """
        assert self._process.stdin is not None
        async with self._talking:
            try:
                self._process.stdin.write(message.encode())
                await self._process.stdin.drain()
            except ConnectionError:
                raise WorkerLost(f"a worker ended with code {await self._code()}") from None
            return await self._receive()

    async def stop(self) -> None:
        """Ends the process at once, and whoever waits for its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._kill()
        self._process.stdin.close()
        async with self._talking:
            await self._process.stdout.read()  # to the end, at which the pipe is closed
        await self._process.wait()

    async def _receive(self) -> Message:
        assert self._process.stdout is not None
        try:
            return await receive_message(self._process.stdout)
        except asyncio.IncompleteReadError:
            raise WorkerLost(f"a worker ended with code {await self._code()}") from None
        except (ValueError, KeyError, TypeError):
            raise WorkerLost("a worker sent something that is no answer") from None

    async def _code(self) -> int:
        # It has hung up, and is about to end by itself, which tells more than being killed.
        try:
            return await asyncio.wait_for(self._process.wait(), 1)
        except TimeoutError:
            self._kill()
            return await self._process.wait()

    def _kill(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it has ended by itself just now
                self._process.kill()
