"""The bytes of an image file, or one line on why there are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from maskdcpt.errors import UserError
from maskdcpt.images.damage import READABLE
from maskdcpt.shortage import within_memory


def open_file(path: Path) -> BinaryIO:
    """Opens a file to read its bytes.

    Raises:
        UserError: If it is missing or cannot be read.
    """
    with _reading(path):
        return path.open("rb")


def read_bytes(path: Path) -> bytes:
    """All bytes of a file.

    Raises:
        UserError: If it is missing, empty or cannot be read, or memory does not suffice.
    """
    with _reading(path), within_memory(path, "read"):
        data = path.read_bytes()
    if not data:
        raise UserError(f"{path}: the file is empty (0 bytes); expected {READABLE}")
    return data


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected an image file") from None
