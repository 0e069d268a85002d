"""What a long page is made of, kept on the disk until it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from maskdcpt.errors import UserError
from maskdcpt.files import append_row, cut_torn_row


class Spool:
    """Named rows in a file of JSON lines, of which one at a time is in memory; it survives an interruption.

    Args:
        path: The file, made with the first row. If it is there, its rows are gone on with; a last one that was cut off
            is dropped.
        about: What the rows belong to.

    Raises:
        UserError: If the file belongs to something else, or is damaged.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self._path = path
        cut_torn_row(path)
        first = next(_read(path), None) if path.exists() else None
        self._first = {"about": dict(about)}
        if first is not None and first != self._first:
            raise UserError(
                f"{path}: entries of another page, which was not finished, are here; "
                "finish it with the command that began it, or remove the file"
            )

    def append(self, row: Mapping[str, Any]) -> None:
        """Adds a row, which has a ``name``; it takes the place of an earlier one of that name.

        Raises:
            OSError: If the disk is full or the file cannot be written.
        """
        if not self._path.exists() or not self._path.stat().st_size:
            append_row(self._path, self._first)
        append_row(self._path, dict(row))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        last = {row["name"]: number for number, row in enumerate(self._rows())}
        return (row for number, row in enumerate(self._rows()) if last[row["name"]] == number)

    def remove(self) -> None:
        """Deletes the file, whose rows are no longer needed."""
        self._path.unlink(missing_ok=True)

    def _rows(self) -> Iterator[dict[str, Any]]:
        return islice(_read(self._path), 1, None) if self._path.exists() else iter(())


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict) or ("name" if number else "about") not in row:
                raise UserError(f"{path}: line {number + 1} is damaged; remove the file to begin the page anew")
            yield row
