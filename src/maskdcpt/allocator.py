"""The allocator of the process: memory that is freed stays for reuse, until it is given back."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of glibc's options (malloc.h)."""


def keep_freed_memory() -> bool:
    """Lets the process keep large blocks that are freed, instead of handing them back and asking for them again.

    A network frees and takes hundreds of megabytes in every layer. By default glibc returns each block to the system,
    which must clear it page by page before the next layer gets it: on a CPU that can take longer than the arithmetic.
    The process then holds what it held at its peak; the peak itself grows by a few per cent.

    Returns:
        Whether the allocator has such options (glibc, so most Linux systems); elsewhere nothing changes.
    """
    mallopt = _glibc("mallopt")
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))


def give_back_freed_memory() -> bool:
    """Hands what was kept back to the system, for other processes to use.

    Returns:
        Whether there was anything to hand back; False also where the allocator does not keep memory.
    """
    trim = _glibc("malloc_trim")
    return trim is not None and bool(trim(0))


def _glibc(function: str) -> Any:
    """A function of the allocator, None where there is no glibc."""
    return getattr(ctypes.CDLL(None), function, None) if sys.platform.startswith("linux") else None
