"""The folder of a run: one owner, one configuration, everything it has produced."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import maskdcpt
from maskdcpt.config import read_toml, to_dict, to_toml
from maskdcpt.errors import UserError
from maskdcpt.files import (
    TEMPORARY,
    atomic_file,
    read_rows,
    remove_unfinished,
    sole_owner,
    write_bytes,
    write_rows,
)
from maskdcpt.training.config import FinetuneConfig, PretrainConfig

CONFIG = "config.toml"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
CHECKPOINTS = "checkpoints"
IMAGES = "images.txt"
LOCK = ".lock"

NEUTRAL = {"data.workers"}
"""Settings that may differ when a run resumes, since they change nothing."""


@contextmanager
def open_run(folder: Path, config: PretrainConfig | FinetuneConfig, images: Sequence[str]) -> Iterator[Path]:
    """Opens the folder of a new run, or of an interrupted one with the same configuration and the same images.

    Args:
        folder: The folder, made where missing.
        config: What the run does.
        images: Names of the clean images in their order, which samples are drawn by.

    Raises:
        UserError: If another process is training there, the folder holds something else, or the run was started
            with another configuration or other images.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a run needs a folder, and this is a file")
    if folder.is_dir() and not (folder / CONFIG).is_file() and _strangers(folder):
        raise UserError(f"{folder}: not empty and not a run; name a new folder or one that holds a run")
    folder.mkdir(parents=True, exist_ok=True)
    with sole_owner(folder / LOCK, "training in"):
        remove_unfinished(folder)
        if (folder / CONFIG).is_file():
            _require_same_settings(folder, to_dict(config))
            _require_same_images(folder, images)
        else:
            _write_text(folder / IMAGES, "".join(f"{name}\n" for name in images))
            _write_text(folder / ENVIRONMENT, json.dumps(environment(), indent=2))
            _write_text(folder / CONFIG, to_toml(config))  # last: with it the folder is a run
        (folder / CHECKPOINTS).mkdir(exist_ok=True)
        remove_unfinished(folder / CHECKPOINTS)
        yield folder


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
    return read_rows(folder / METRICS)


def drop_metrics_after(folder: Path, step: int) -> None:
    """Forgets the rows of steps that a resumed run is going to repeat."""
    rows = [row for row in read_metrics(folder) if row["step"] <= step]
    write_rows(folder / METRICS, rows)


def _write_text(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        write_bytes(temporary, text.encode())


def _strangers(folder: Path) -> bool:
    # A run that was interrupted while it began leaves these and no more.
    ours = {LOCK, IMAGES, ENVIRONMENT}
    return any(path.name not in ours and not path.name.startswith(TEMPORARY) for path in folder.iterdir())


def _require_same_settings(folder: Path, now: dict[str, Any]) -> None:
    before, after = (_flat(values) for values in (read_toml(folder / CONFIG), now))
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, "not set"), after.get(name, "not set")
        if old != new and name not in NEUTRAL:
            raise UserError(
                f"{folder}: this run was started with {name} = {old}, and now it is {new}; "
                "use the same settings to resume, or another --run-dir"
            )


def _require_same_images(folder: Path, images: Sequence[str]) -> None:
    before = (folder / IMAGES).read_text(encoding="utf-8").splitlines()
    if before != list(images):
        lost, added = len(set(before) - set(images)), len(set(images) - set(before))
        raise UserError(
            f"{folder}: the training images have changed since this run was started ({added} added, {lost} gone); "
            "put them back to resume, or use another --run-dir"
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat
