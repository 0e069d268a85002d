"""The folder of a run: one owner, one configuration, everything it has produced."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import maskdcpt
from maskdcpt.config import to_toml
from maskdcpt.errors import UserError
from maskdcpt.files import atomic_file, remove_unfinished, sole_owner, write_bytes
from maskdcpt.training.config import FinetuneConfig, PretrainConfig

CONFIG = "config.toml"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"


@contextmanager
def open_run(folder: Path, config: PretrainConfig | FinetuneConfig) -> Iterator[Path]:
    """Opens the folder of a new run, or of an interrupted one that was started with the same configuration.

    The lock is the operating system's: it goes with the process, however that ends.

    Raises:
        UserError: If another process is training there, the folder holds something else, or the run was started
            with another configuration.
    """
    text = to_toml(config)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a run needs a folder, and this is a file")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CONFIG).is_file() and not _only_lock(folder):
        raise UserError(f"{folder}: not empty and not a run; name a new folder or one that holds a run")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with sole_owner(folder / ".lock"):
            remove_unfinished(folder)
            if (folder / CONFIG).is_file():
                _require_same(folder / CONFIG, text)
            else:
                _write_text(folder / CONFIG, text)
            _write_text(folder / ENVIRONMENT, json.dumps(environment(), indent=2))
            (folder / CHECKPOINTS).mkdir(exist_ok=True)
            remove_unfinished(folder / CHECKPOINTS)
            yield folder
    except BlockingIOError:
        raise UserError(f"{folder}: another process is training in this folder") from None


def environment() -> dict[str, Any]:
    """What the numbers of a run may depend on besides its configuration."""
    packages = ("torch", "numpy", "lightning-fabric", "opencv-python-headless", "pillow")
    return {
        "maskdcpt": maskdcpt.__version__,
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: version(name) for name in packages},
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of ``metrics.jsonl``; a last line that an interruption cut off is left out."""
    path = folder / METRICS
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def drop_metrics_after(folder: Path, step: int) -> None:
    """Forgets the rows of steps that a resumed run is going to repeat."""
    rows = [row for row in read_metrics(folder) if row["step"] <= step]
    _write_text(folder / METRICS, "".join(f"{json.dumps(row)}\n" for row in rows))


def _write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        write_bytes(temporary, text.encode())


def _only_lock(folder: Path) -> bool:
    return {path.name for path in folder.iterdir()} <= {".lock", CHECKPOINTS}


def _require_same(path: Path, text: str) -> None:
    before, now = path.read_text(encoding="utf-8").splitlines(), text.splitlines()
    for old, new in zip(before, now, strict=False):
        if old != new:
            raise UserError(
                f"{path.parent}: this run was started with `{old}`, and now it is `{new}`; "
                "use the same settings to resume, or another --run-dir"
            )
    if len(before) != len(now):
        raise UserError(f"{path.parent}: this run was started with other settings; use another --run-dir")
