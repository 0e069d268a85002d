"""What a folder of restored images was made of, so that the same command goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from maskdcpt.errors import UserError
from maskdcpt.files import append_row, read_rows, remove_unfinished, sole_owner, write_rows

FOLDER = ".maskdcpt"
"""Folder, in that of the results, of what is known about them."""

NOTHING: list[Any] = []
"""What is recorded of a result that could not be written."""


class Journal:
    """Which results of a folder are finished, by what settings and from which state of their originals.

    Args:
        folder: Folder of results.
        settings: All that a result depends on besides its original, as plain values.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._folder = folder
        self._path = folder / FOLDER / "restored.jsonl"
        self._settings = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        self._rows = self._read()

    @contextmanager
    def owning(self) -> Iterator[None]:
        """Keeps other processes from writing results to the folder, and clears what a killed one has left.

        Raises:
            UserError: If another process is at it, or has been since the journal was read.
            OSError: If the folder cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with sole_owner(self._path.parent / "lock", "restoring into", self._folder):
            if self._read() != self._rows:  # what was planned by the old rows may be done
                raise UserError(f"{self._folder}: another process was restoring into this folder; try once more")
            for folder in {self._folder, *((self._folder / target).parent for target in self._rows)}:
                remove_unfinished(folder)
            write_rows(self._path, self._rows.values())  # without a line that an interruption has cut off
            yield

    def finished(self, source: Path, target: Path) -> bool:
        """Whether a result is there and what making it again would give."""
        return not self.difference(source, target)

    def difference(self, source: Path, target: Path) -> str:
        """What tells a file from the result that would be made now, as in "out/a.png, which ..."; empty if nothing."""
        row = self._rows.get(self._name(target), {})
        if not row.get("result"):
            return "is no result that is known here"
        if row["result"] != _state(target):
            return "has changed since it was made"
        if row["source"] != _state(source):
            return "was made of another original, or another state of it"
        return "" if row["settings"] == self._settings else "was made with other settings"

    def begun(self, target: Path) -> bool:
        """Whether a file may be the result of work that was interrupted before it could be recorded."""
        row = self._rows.get(self._name(target), {})
        return bool(row) and row["result"] is None

    def results(self) -> frozenset[Path]:
        """All files of the folder that are results, or may be of work that was interrupted; edited or not since."""
        return frozenset(self._folder / name for name, row in self._rows.items() if row["result"] != NOTHING)

    def told(self, target: Path) -> dict[str, Any]:
        """What was recorded about a result, as plain values; may be nothing."""
        told: dict[str, Any] = self._rows.get(self._name(target), {}).get("told", {})
        return told

    @contextmanager
    def recording(self, source: Path, target: Path) -> Iterator[dict[str, Any]]:
        """Records that a result is written in the block, and what that puts into the yielded values about it.

        After an error there it records that there is none.
        """
        told: dict[str, Any] = {}
        self.begin(source, target)
        try:
            yield told
        except Exception:
            self._record(source, target, NOTHING)  # what appears there later is somebody else's
            raise
        self.finish(source, target, told)

    def begin(self, source: Path, target: Path) -> None:
        """Records that a result is about to be written, and waits until the disk has that."""
        self._record(source, target, None, durable=True)

    def finish(self, source: Path, target: Path, told: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Records that it has been, with what ``told`` gives later; if this is lost, the result is made again."""
        self._record(source, target, _state(target), told=told)

    def _record(
        self,
        source: Path,
        target: Path,
        result: list[Any] | None,
        *,
        told: Mapping[str, Any] = MappingProxyType({}),
        durable: bool = False,
    ) -> None:
        row: dict[str, Any] = {
            "target": self._name(target),
            "source": _state(source),
            "settings": self._settings,
            "result": result,
            "told": dict(told),
        }
        append_row(self._path, row, durable=durable)
        self._rows[row["target"]] = row

    def _read(self) -> dict[str, dict[str, Any]]:
        rows = read_rows(self._path)
        for number, row in enumerate(rows, 1):
            if not row.keys() >= {"target", "source", "settings", "result"}:
                raise UserError(f"{self._path}: line {number} tells of no result; mend it or remove the file")
        return {row["target"]: row for row in rows}

    def _name(self, target: Path) -> str:
        return target.relative_to(self._folder).as_posix()


def _state(path: Path) -> list[Any] | None:
    """What tells a file from another, and from itself when it was different; None if there is none."""
    if not path.is_file():
        return None
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]
