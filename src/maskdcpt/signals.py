"""Being asked to stop: what schedulers do before they take a machine away."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType

from maskdcpt.errors import Preempted


class StopAsked(Exception):  # noqa: N818  nothing is wrong
    """The request to stop has come while something was waited for."""


def preempted(folder: Path) -> Preempted:
    """What ends work that is kept in a folder as it goes."""
    return Preempted(f"{folder}: asked to stop; what is done is kept, and the same command goes on")


class StopRequest:
    """Whether the process has been asked to stop."""

    def __init__(self) -> None:
        self.received = False
        self._interrupting = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Notes SIGTERM in the block instead of dying of it; elsewhere than in the main thread it changes nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def note(number: int, frame: FrameType | None) -> None:
            self.received = True
            if self._interrupting:
                self._interrupting = False
                raise StopAsked

        before = signal.signal(signal.SIGTERM, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def raise_if_received(self, folder: Path) -> None:
        """Ends work that is kept in a folder as it goes, once it is asked for.

        Raises:
            Preempted: If the request has come.
        """
        if self.received:
            raise preempted(folder)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Ends the block when the request comes, or has come: what is waited for in it may never be there.

        Raises:
            StopAsked: In place of the rest of the block.
        """
        self._interrupting = True
        try:
            if self.received:
                raise StopAsked
            yield
        finally:
            self._interrupting = False


@contextmanager
def starting_workers() -> Iterator[None]:
    """Keeps processes that are started in the block from ever being interrupted by Ctrl-C.

    It reaches every process of a terminal; what becomes of the work is for the main one to decide, which ends its
    workers. One that was only now starting would end with a traceback of its own.
    """
    # Processes inherit what is blocked. The tracker is started first, for its start would lift that.
    resource_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
