"""The allocator of the process: memory that is freed stays for reuse."""

from __future__ import annotations

import ctypes
import sys

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
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
