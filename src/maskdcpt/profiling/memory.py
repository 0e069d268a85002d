"""How much memory a piece of work takes, measured in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ParamSpec

import torch

from maskdcpt.allocator import give_back_freed_memory, keep_freed_memory
from maskdcpt.errors import UserError
from maskdcpt.shortage import ran_out

P = ParamSpec("P")


def peak_memory(
    prepare: Callable[P, Callable[[], object]], device: torch.device, *args: P.args, **options: P.kwargs
) -> int | None:
    """The peak of the memory, in bytes, that work adds to what was taken when it was prepared; None if it runs out.

    Args:
        prepare: Makes the work; a function that a new process can import.
        device: Where the work happens: on a CUDA device its memory counts, else that of the process.
        args: For ``prepare``.
        options: For ``prepare``.

    Raises:
        UserError: If the process ended before it could tell.
    """
    # What this process holds, the other one lacks.
    give_back_freed_memory()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(there, prepare, device, args, options))
    process.start()
    there.close()
    try:
        peak: int | None = here.recv()
    except EOFError:
        process.join()
        if process.exitcode == -signal.SIGKILL:  # which is how the system ends what takes too much
            return None
        raise UserError(f"measuring memory ended with exit code {process.exitcode}") from None
    process.join()
    return peak


def resident_memory() -> int:
    """Bytes of memory that this process holds, without those of files; elsewhere than on Linux its peak so far."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="ascii").split("RssAnon:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _measure(
    there: Connection,
    prepare: Callable[..., Callable[[], object]],
    device: torch.device,
    args: tuple[object, ...],
    options: dict[str, object],
) -> None:
    keep_freed_memory()  # as every command does
    if device.type == "cpu" and sys.platform.startswith("linux"):
        # Beyond the memory of the machine an error, instead of the end of some process.
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (total if hard == resource.RLIM_INFINITY else min(total, hard), hard))
    try:
        work = prepare(*args, **options)
        before = _peak(device)
        work()
    except (MemoryError, RuntimeError) as error:  # the class that torch gives all its errors
        if not ran_out(error):
            raise
        there.send(None)
    else:
        there.send(_peak(device) - before)


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where getrusage tells the peak of the parent process if that is higher
        return int(status.read_text(encoding="ascii").split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS, in bytes
