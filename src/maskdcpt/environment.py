"""What numbers may depend on besides settings: versions, commit, machine, command."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "numpy", "lightning-fabric", "opencv-python-headless", "pillow")


def environment() -> dict[str, Any]:
    """Versions, commit, command, machine and number of threads, as plain values."""
    return {
        "maskdcpt": version("maskdcpt"),
        "code": commit(),
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in PACKAGES},
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def commit(package: Path = Path(__file__).parent) -> dict[str, Any] | None:
    """The commit that the package is of, and whether its files differ from it.

    Returns:
        None where git keeps no such files: the package was installed, be it below somebody else's repository, or there
        is no git.
    """
    if _git(package, "ls-files", "--error-unmatch", "environment.py") is None:
        return None
    name = _git(package, "rev-parse", "--short=12", "HEAD")
    changes = _git(package, "status", "--porcelain", "--", ".")
    return None if name is None or changes is None else {"commit": name, "changed": bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    """What git says, or None where it fails."""
    command = ["git", "-C", str(folder), *words]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() if told.returncode == 0 else None
