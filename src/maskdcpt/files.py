"""Writing files so that what is there is always whole: temporary name, sync, rename."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import os
import secrets
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskdcpt.errors import UserError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TEMPORARY = ".writing-"
"""What the names of unfinished files and folders begin with."""


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Writes a file and waits until the disk has it; not atomic by itself, meant for ``atomic_folder``.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    write_pieces(path, (data,))


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """As ``write_bytes``, for what does not have to be in memory at once.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    with _naming(path), path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, none where it is missing.

    A last line that an interruption cut off is left out.

    Raises:
        UserError: If another line is no object.
    """
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise UserError(f"{path}: line {number} is no JSON object; mend it or remove the file")
        rows.append(row)
    return rows


def cut_torn_row(path: Path) -> None:
    """Cuts off the last line of a file of JSON lines where an interruption has left it without its end.

    Who goes on with a file that another process may have left calls this before the first ``append_row``, which would
    else add its row to that line; nobody else may be writing to the file then. One that is missing stays so.

    Raises:
        OSError: If the file cannot be read or written.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        whole = sum(len(line) for line in file if line.endswith(b"\n"))
    if whole < path.stat().st_size:
        os.truncate(path, whole)


def resume_rows(path: Path, holds: Callable[[dict[str, Any]], bool]) -> None:
    """Makes a file of JSON lines ready to go on with: as ``cut_torn_row``, and drops rows that will be repeated.

    Args:
        path: The file.
        holds: Whether a row stays.

    Raises:
        UserError: If a line is no object.
        OSError: If the file cannot be read or written.
    """
    cut_torn_row(path)
    rows = read_rows(path)
    kept = [row for row in rows if holds(row)]
    if len(kept) < len(rows):
        write_rows(path, kept)


def append_row(path: Path, row: dict[str, Any], *, durable: bool = False) -> None:
    """Adds an object to a file of JSON lines, made where missing, whose last line is whole (``cut_torn_row``).

    Args:
        path: The file.
        row: The object.
        durable: Whether to wait until the disk has it.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    with _naming(path), path.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(row)}\n")
        if durable:
            file.flush()
            os.fsync(file.fileno())


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes a file of JSON lines, whole or not at all.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    write_whole(path, "".join(f"{json.dumps(row)}\n" for row in rows).encode())


def write_csv(path: Path, kind: type[DataclassInstance], rows: Iterable[DataclassInstance]) -> None:
    """Writes a table, whole or not at all.

    Args:
        path: The file.
        kind: What the rows are; its fields are the columns, also where there is no row.
        rows: What the table holds.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_whole(path, text.getvalue().encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        UserError: If it holds something else.
        OSError: If it cannot be read.
    """
    try:
        values = json.loads(path.read_bytes())
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise UserError(f"{path}: no JSON object; mend it or remove the file")
    return values


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes an object to a JSON file, whole or not at all.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    write_whole(path, json.dumps(values, indent=2).encode())


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; what was written there takes the name when the block succeeds.

    An error in the block leaves ``path`` as it was and removes the temporary file. The temporary name keeps the
    suffix, so that libraries which choose a format by it choose the same.
    """
    temporary = _temporary(path)
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Writes a file that is there whole, or as it was before.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    with atomic_file(path) as temporary:
        write_bytes(temporary, data)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside ``path`` that takes its name when the block succeeds.

    Files inside must have been synced by ``write_bytes``. ``path`` must not exist yet.
    """
    temporary = _temporary(path)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        _sync(temporary)
        temporary.rename(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Removes what interrupted writers have left in a folder that nobody else writes to now."""
    for leftover in folder.glob(f"{TEMPORARY}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


@contextmanager
def sole_owner(path: Path, doing: str, folder: Path | None = None) -> Iterator[None]:
    """Holds a lock file that goes with the process, however that ends, and that child processes do not inherit.

    Args:
        path: The file.
        doing: What is being done to the folder, as in "another process is training in this folder".
        folder: The folder that it guards; None for its own.

    Raises:
        UserError: If another process holds it.
    """
    with path.open("a") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder or path.parent}: another process is {doing} this folder") from None
        yield


def folded_name(path: str | Path) -> str:
    """What paths have in common that are one file on many disks.

    Those of macOS and Windows, and most that are carried about, tell no large letters from small ones; some tell apart
    none of the ways in which Unicode writes a letter with an accent either.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())


def unique_names(places: Sequence[Path]) -> list[str]:
    """Names of different absolute paths: their last parts, as few as tell each from all others."""
    names = []
    for place in places:
        for count in range(1, len(place.parts) + 1):
            ending = place.parts[-count:]
            if sum(other.parts[-count:] == ending for other in places) == 1:
                break
        names.append("/".join(ending))
    return names


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    # What fails in writing, as on a full disk, does not say where.
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _temporary(path: Path) -> Path:
    # Short, so that a name of the greatest length the disk allows can still be written.
    return path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}{path.suffix[:8]}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
