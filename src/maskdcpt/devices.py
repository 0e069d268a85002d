"""From the name of a device to the device."""

from __future__ import annotations

import os
import re

import torch
from torch import nn

from maskdcpt.errors import UserError


def find_device(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` is CUDA where present, else the CPU.

    Raises:
        UserError: If it is no such name, or the machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    present = {
        "cpu": 1,
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
    }
    match = re.fullmatch(rf"({'|'.join(present)})(?::(\d+))?", name)
    if not match:
        raise UserError(f"no device is called {name!r}; expected auto, cpu, cuda, cuda:N or mps")
    if int(match[2] or 0) >= present[match[1]]:
        found = ", ".join(f"{count} x {kind}" for kind, count in present.items() if count)
        raise UserError(f"this machine has no device {name!r}; it has {found}")
    return torch.device(name)


def usable_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def move(module: nn.Module, device: torch.device) -> None:
    """Moves a module to a device, with the weights of its 2-D convolutions in channels-last layout.

    Args:
        module: The module, changed in place.
        device: Where to.
    """
    nn.utils.convert_conv2d_weight_memory_format(module.to(device), torch.channels_last)
