"""The folder of what visitors of the page have sent and got: how much it holds, and for how long."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from maskdcpt.serving.refusal import Refusal

RETRY_SECONDS = 60
"""When it is worth while to try again what there was no room for."""


class Storage:
    """A folder that holds no more than it may.

    Args:
        folder: The folder.
        most: How much it may hold, in bytes.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder.resolve()
        """The folder, links resolved."""
        self._most = most
        self._coming = 0

    @contextmanager
    def room_for(self, size: int) -> Iterator[None]:
        """Keeps room for what is written in the block.

        Args:
            size: How much it will be, in bytes.

        Raises:
            Refusal: If there is no room for it.
        """
        if self._size() + self._coming + size > self._most:
            raise Refusal(
                HTTPStatus.INSUFFICIENT_STORAGE,
                "too many photos are kept here at the moment; try again later",
                RETRY_SECONDS,
            )
        self._coming += size
        try:
            yield
        finally:
            self._coming -= size

    def sweep(self, seconds: float) -> None:
        """Removes files that have lain there for some time, and folders that are empty.

        Args:
            seconds: For how long.
        """
        before = time.time() - seconds
        for place, _, names in os.walk(self.folder, topdown=False):  # which takes it well when folders go meanwhile
            for path in (Path(place, name) for name in names):
                with suppress(FileNotFoundError):
                    if path.lstat().st_mtime < before:
                        path.unlink()
            with suppress(OSError):  # gone, or not empty
                if Path(place) != self.folder and os.stat(place).st_mtime < before:
                    os.rmdir(place)

    def _size(self) -> int:
        size = 0
        for place, _, names in os.walk(self.folder):
            for name in names:
                with suppress(FileNotFoundError):  # removed meanwhile
                    size += os.lstat(os.path.join(place, name)).st_size
        return size
