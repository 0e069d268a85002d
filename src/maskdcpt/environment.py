"""What numbers may depend on besides settings: versions, machine, command."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from typing import Any

import torch

PACKAGES = ("torch", "numpy", "lightning-fabric", "opencv-python-headless", "pillow")


def environment() -> dict[str, Any]:
    """Versions, command, machine and number of threads, as plain values."""
    return {
        "maskdcpt": version("maskdcpt"),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
