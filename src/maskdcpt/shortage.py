"""What it looks like when memory runs out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from maskdcpt.errors import UserError

_STATEMENT = re.compile(
    "allocate memory|out of memory|insufficient memory|create a memory object|bad.alloc", re.IGNORECASE
)
"""What torch, its libraries and other runtimes say."""


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or bool(_STATEMENT.search(str(error)))


@contextmanager
def within_memory(name: object, what: str) -> Iterator[None]:
    """Turns running out of memory into one line that begins with the name of the image.

    Args:
        name: Of the image.
        what: Is done to it in the block, such as "read".

    Raises:
        UserError: If memory does not suffice.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, UserError) or not ran_out(error):
            raise
        told = f"memory ran out while the image was {what}; free some, or scale the image down or cut it"
        raise UserError(f"{name}: {told}") from error
