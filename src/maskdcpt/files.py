"""Writing files so that what is there is always whole: temporary name, sync, rename."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".writing-"
"""What the names of unfinished files and folders begin with."""


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Writes a file and waits until the disk has it; not atomic by itself, meant for ``atomic_folder``.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    with _naming(path), path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def append_text(path: Path, text: str) -> None:
    """Adds text to the end of a file, made where missing.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    with _naming(path), path.open("a", encoding="utf-8") as file:
        file.write(text)


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
def sole_owner(path: Path) -> Iterator[None]:
    """Holds a lock file that goes with the process, however that ends, and that child processes do not inherit.

    Raises:
        BlockingIOError: If another process holds it.
    """
    with path.open("a") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


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
