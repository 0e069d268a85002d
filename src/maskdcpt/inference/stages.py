"""What happens to one image of many: it is read, restored frame by frame, and written."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from torch import Tensor

from maskdcpt.classes import CLEAN
from maskdcpt.errors import naming
from maskdcpt.files import atomic_file
from maskdcpt.images import Document, Frame, format_of, write_document
from maskdcpt.images import read_document as open_document
from maskdcpt.inference.examined import Examined
from maskdcpt.inference.journal import Journal
from maskdcpt.inference.outcome import BatchOptions, Outcome, Shown
from maskdcpt.inference.restorer import BaseRestorer
from maskdcpt.inference.verdict import Verdict


@dataclass(eq=False)
class Job:
    """An image on its way; each stage adds what it finds before it hands on what comes of it."""

    source: Path
    """The image."""
    target: Path
    """What it is to become."""
    started: float = 0.0
    """When its reading began."""
    document: Document | None = None
    """Its file."""
    verdict: Verdict | None = None
    """What was found in its first frame."""
    examined: Examined | None = None
    """That frame, until it is restored."""
    left: str = ""
    """Why it stays as it is; empty if it does not."""
    notes: list[str] = field(default_factory=list)
    """What was dropped, approximated or done in another way than usual."""
    shown: Shown | None = None
    """Its first frame and what became of it, if they are kept."""

    def failed(self, error: Exception) -> Outcome:
        """The outcome without a result."""
        return self._outcome("failed", str(error))

    def done(self) -> Outcome:
        """The outcome with one."""
        return self._outcome("left", self.left) if self.left else self._outcome("restored", "")

    def _outcome(self, status: str, reason: str) -> Outcome:
        seconds = time.perf_counter() - self.started
        notes = tuple(dict.fromkeys(self.notes))
        return Outcome(self.source, self.target, status, seconds, self.verdict, notes, reason)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Stages:
    """The three things that are done to each image."""

    restorer: BaseRestorer
    """The network."""
    options: BatchOptions
    """Which images are restored, and how they are written."""
    leave_clean: bool
    """Whether images that look clean stay as they are."""
    journal: Journal | None
    """What remembers finished results; None if nothing does."""
    show: bool
    """Whether the first frame and its result are kept."""
    watch: Callable[[Job, float], None] | None = None
    """Is told how far a frame is that is restored in tiles, from 0 to 1."""

    def read(self, job: Job) -> Iterator[Frame]:
        """The frames of an image.

        Raises:
            UserError: If it cannot be read.
        """
        job.started = time.perf_counter()
        job.document = open_document(job.source)
        yield from job.document.frames

    def work(self, job: Job, frames: Iterator[Frame]) -> Iterator[Tensor]:
        """The restored frames of an image; none of one that stays as it is.

        Raises:
            UserError: If it cannot be restored.
            OSError: If there is no place for its result.
        """
        watch = None if self.watch is None else partial(self.watch, job)
        for number, frame in enumerate(frames):
            if number == 0:
                job.target.parent.mkdir(parents=True, exist_ok=True)  # before the network's work, which would be lost
                with naming(job.source):
                    self._judge(job, frame)
                if job.left:
                    return
            with naming(job.source):
                examined, job.examined = job.examined, None  # which holds pixels
                if examined:
                    restored = examined.restore(watch)
                else:
                    restored = self.restorer.restore_pixels(frame.pixels, watch=watch)
            job.notes += restored.notes
            if self.show and number == 0:
                job.shown = Shown(frame.pixels, restored.pixels)
            yield restored.pixels

    def write(self, job: Job, restored: Iterator[Tensor]) -> Outcome:
        """Writes the result of an image, whole or not at all.

        Raises:
            UserError: If the image cannot be read, restored, or held by the format of the result.
            OSError: If the disk is full or the result cannot be written.
        """
        first = next(restored, None)  # with which it is settled whether the image stays as it is
        with self._recording(job) as told:
            if first is None:
                self._leave(job)
            else:
                self._encode(job, chain([first], restored))
            outcome = job.done()
            told.update(outcome.told)
        return outcome

    def _recording(self, job: Job) -> AbstractContextManager[dict[str, Any]]:
        return nullcontext({}) if self.journal is None else self.journal.recording(job.source, job.target)

    def _judge(self, job: Job, frame: Frame) -> None:
        if not self.restorer.classes:
            return
        job.examined = self.restorer.examine_pixels(frame.pixels)
        job.verdict = job.examined.verdict
        if self.leave_clean and job.verdict.needless:
            job.left = "looks clean"
        elif self.options.only and (name := next(iter(job.verdict.types))) not in self.options.only:
            wanted = " or ".join(self.options.only)
            job.left = "shows no damage" if name == CLEAN else f"looks damaged by {name}, not by {wanted}"
        if job.left:
            job.examined = None
        if job.left and self.show:
            job.shown = Shown(frame.pixels, frame.pixels)

    def _leave(self, job: Job) -> None:
        assert job.document is not None
        # A file that is left keeps what it holds, be it something else than its name says.
        named = self.options.naming.ext is None and job.target.suffix.lower() == job.source.suffix.lower()
        if (named or format_of(job.target) == job.document.format) and not self.options.converts:
            with atomic_file(job.target) as temporary:
                shutil.copyfile(job.source, temporary)
        else:
            self._encode(job, (frame.pixels for frame in job.document.frames))

    def _encode(self, job: Job, pixels: Iterator[Tensor]) -> None:
        assert job.document is not None
        options = self.options
        notes = write_document(
            job.document,
            pixels,
            job.target,
            quality=options.quality,
            depth=options.depth,
            metadata=options.metadata,
        )
        # Only now: frames are read until the result has all that it holds, which may be fewer than there are.
        job.notes[:0] = job.document.notes
        job.notes += notes
