"""Which number formats a device is made for."""

from __future__ import annotations

from pathlib import Path

import torch

FAST_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What Linux calls the instructions with which a CPU multiplies bfloat16."""
AMPERE = (8, 0)
"""The first generation of NVIDIA's devices that multiplies bfloat16."""


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16; without them torch makes do with others, many times slower."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    information = Path("/proc/cpuinfo")
    if device.type != "cpu" or not information.is_file():
        return False
    lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
    names = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not FAST_BFLOAT16.isdisjoint(names.split())
