"""How much a server does for one client, and for all of them."""

from __future__ import annotations

from dataclasses import dataclass

from maskdcpt.errors import require

MEBIBYTE = 2**20
"""Bytes in the unit in which sizes are set."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is refused, and when it is given up."""

    max_mib: float = 64
    """Largest image file that is taken, in MiB."""
    max_megapixels: float = 50
    """Largest image that is taken, in millions of pixels, all frames together; memory and time grow with it."""
    max_files: int = 50
    """Most photos that the page takes at once."""
    max_stored_mib: float = 2048
    """Most that the page keeps on disk for all visitors together, in MiB."""
    keep_minutes: float = 60
    """How long the page keeps what a visitor has sent or got, in minutes."""
    workers: int = 1
    """Images that are worked on at a time; each takes a process with the weights in its memory."""
    queue: int = 16
    """Requests that may wait; more are refused until one is done."""
    seconds: float = 120
    """How long an image may wait, and how long it may take, in seconds."""
    upload_seconds: float = 60
    """How long the sending of an image may take, in seconds."""

    def __post_init__(self) -> None:
        require("max-mib", self.max_mib, 0.001, 4096)
        require("max-megapixels", self.max_megapixels, 0.001, 10_000)
        require("max-files", self.max_files, 1, 10_000)
        require("max-stored-mib", self.max_stored_mib, self.max_mib, 1e7)
        require("keep-minutes", self.keep_minutes, 0.01, 100_000)
        require("workers", self.workers, 1, 256)
        require("queue", self.queue, 0, 10_000)
        require("seconds", self.seconds, 0.01, 86_400)
        require("upload-seconds", self.upload_seconds, 0.01, 86_400)

    @property
    def bytes(self) -> int:
        """Largest image file, in bytes."""
        return int(self.max_mib * MEBIBYTE)

    @property
    def pixels(self) -> int:
        """Largest image, in pixels, all frames together."""
        return int(self.max_megapixels * 1e6)

    @property
    def stored_bytes(self) -> int:
        """Most that the page keeps on disk, in bytes."""
        return int(self.max_stored_mib * MEBIBYTE)

    @property
    def places(self) -> int:
        """Requests that are in the house at a time, waiting or worked on."""
        return self.queue + self.workers
