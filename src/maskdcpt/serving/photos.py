"""The photos of one visitor of the page: restored one after another, and kept as files for a while."""

from __future__ import annotations

import asyncio
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from maskdcpt.files import folded_name
from maskdcpt.serving.desk import Desk
from maskdcpt.serving.frames import Message
from maskdcpt.serving.limits import Limits
from maskdcpt.serving.refusal import Refusal
from maskdcpt.serving.storage import Storage
from maskdcpt.serving.work import Task


@dataclass(frozen=True)
class Photo:
    """A restored photo as files."""

    name: str
    """What the visitor calls it."""
    file: Path
    """The restored file, for download."""
    before: Path
    """What the page shows of it as it was."""
    after: Path
    """What the page shows of it restored."""
    verdict: dict[str, Any] | None
    """The fields of ``Verdict``; None where the weights have no classifier."""
    frames: int
    """More than one in animations and files of many pages; the first is shown."""
    notes: tuple[str, ...]
    """What was dropped or approximated."""
    seconds: float
    """Time of the work."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a visitor should know before looking at it, a sentence each."""
        lines = []
        if self.frames > 1:
            lines.append(f"The first of {self.frames} frames is shown; all are restored.")
        if self.verdict is not None:
            if self.verdict["unfamiliar"]:
                lines.append("This photo is unlike what the network was trained on: take a close look at the result.")
            elif self.verdict["clean"]:
                lines.append("This photo looks clean: there may be nothing to restore.")
            elif self.verdict["clean"] is None:
                lines.append("Whether this photo is damaged at all, the network cannot tell.")
        return tuple(lines)


class Darkroom:
    """Restores photos that the page has received.

    Args:
        desk: Where the work is done.
        storage: The only folder that is read and written.
        limits: How long to wait for a place.
    """

    def __init__(self, desk: Desk, storage: Storage, limits: Limits) -> None:
        self._desk = desk
        self._storage = storage
        self._limits = limits

    async def restore(self, file: str, strength: float) -> Photo:
        """Restores a photo.

        Args:
            file: The photo, in the folder.
            strength: Share of the restored image, in [0, 1].

        Raises:
            Refusal: If it is no longer kept or cannot be restored, there is no place for it in time, or there is no
                room for the result.
        """
        source = Path(file).resolve()
        if not source.is_relative_to(self._storage.folder):
            raise PermissionError(f"{source} is not in the folder of uploads")
        try:
            data = await asyncio.to_thread(source.read_bytes)
        except FileNotFoundError:
            raise Refusal(HTTPStatus.GONE, f"{source.name}: is no longer kept here; drop it once more") from None
        result = await self._wait_for(Task(name=source.name, strength=strength, previews=True).message(data))
        with self._storage.room_for(sum(map(len, result.blobs))):
            return await asyncio.to_thread(self._store, source, result)

    async def pack(self, photos: Sequence[Photo]) -> Path:
        """Puts restored photos into one archive, with their numbers in front where names meet.

        Raises:
            Refusal: If a photo is no longer kept, or there is no room for the archive.
        """
        try:
            with self._storage.room_for(sum(photo.file.stat().st_size for photo in photos)):
                return await asyncio.to_thread(self._pack, photos)
        except FileNotFoundError as error:
            name = Path(error.filename).name
            raise Refusal(HTTPStatus.GONE, f"{name}: is no longer kept here; restore it once more") from None

    async def _wait_for(self, task: Message) -> Message:
        # Programs are told to come back later; a visitor's photos wait here instead.
        deadline = time.monotonic() + self._limits.seconds
        while True:
            try:
                async with self._desk.place():
                    return await self._desk.run(task)
            except Refusal as refusal:
                if refusal.retry_after is None or time.monotonic() + refusal.retry_after > deadline:
                    raise
                await asyncio.sleep(refusal.retry_after)

    def _pack(self, photos: Sequence[Photo]) -> Path:
        path = self._new_folder() / "restored.zip"
        names = [photo.file.name for photo in photos]
        if len(set(map(folded_name, names))) < len(names):  # which are one name on many a visitor's disk
            names = [f"{number}-{name}" for number, name in enumerate(names, 1)]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:  # photos are compressed already
            for photo, name in zip(photos, names, strict=True):
                archive.write(photo.file, name)
        return path

    def _new_folder(self) -> Path:
        return Path(mkdtemp(dir=self._storage.folder))

    def _store(self, source: Path, result: Message) -> Photo:
        folder = self._new_folder()
        file = folder / f"{source.stem}-restored{result.values['suffix']}"
        before, after = folder / "before.webp", folder / "after.webp"
        for path, data in zip((file, before, after), result.blobs, strict=True):
            path.write_bytes(data)
        values: dict[str, Any] = result.values
        return Photo(
            source.name,
            file,
            before,
            after,
            values["verdict"],
            values["frames"],
            tuple(values["notes"]),
            values["seconds"],
        )
