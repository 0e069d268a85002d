"""How much memory is free."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

SHARE = 0.75
"""Part of the free memory that is taken without being asked; the rest is for what happens beside."""
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
LIMITS = {
    "": ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file"),
}
"""Files of a control group that tell its limit and what is used, and what of that can be freed: of version 2, and of
version 1, which has a hierarchy of its own for memory."""


def free_memory(device: torch.device) -> int:
    """Bytes that a device can still give; for the CPU those of the machine, or of a container or job with fewer."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(_machine(), *_containers())


def memory_share(device: torch.device, processes: int) -> int:
    """Bytes that each of some processes may take, of a device and of the machine, where none knows of the others."""
    free = min(free_memory(torch.device("cpu")), free_memory(device))
    return max(int(SHARE * free) // processes, 1)


def _machine() -> int:
    if MEMINFO.is_file():
        return int(MEMINFO.read_text(encoding="ascii").split("MemAvailable:")[1].split()[0]) * 1024
    # macOS tells what is free in no simple way, and half of the memory is what it calls memory pressure's beginning.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _containers() -> list[int]:
    """What is left below the limits of control groups, both versions; where there are none, more than can be."""
    left = [sys.maxsize]
    for folder, (limit, used, statistics, cache) in _groups():
        files = [folder / name for name in (limit, used, statistics)]
        if not all(file.is_file() for file in files):
            continue
        most, taken, lines = (file.read_text(encoding="ascii").strip() for file in files)
        if most.isdecimal():
            freeable = dict(line.split() for line in lines.splitlines()).get(cache, "0")
            left.append(max(0, int(most) - int(taken) + int(freeable)))
    return left


def _groups() -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The control groups that this process is in, of which every outer one limits it as well."""
    places = dict.fromkeys(LIMITS, "/")
    if MEMBERSHIP.is_file():
        for line in os.fsdecode(MEMBERSHIP.read_bytes()).splitlines():
            _, controllers, place = line.split(":", 2)
            places.update((name, place) for name in controllers.split(",") if name in LIMITS)
    for name, place in places.items():
        root = CGROUP / name
        inmost = root / place.lstrip("/")  # which a container may not see; then its own group is the root
        yield from ((folder, LIMITS[name]) for folder in (inmost, *inmost.parents) if folder.is_relative_to(root))
