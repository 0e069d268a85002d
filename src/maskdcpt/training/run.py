"""The folder of a run: one owner, one configuration, everything it has produced."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskdcpt.backbones.checkpoints import CHECKPOINTS
from maskdcpt.config import flatten, from_dict, read_toml, to_dict, to_toml
from maskdcpt.data import DataConfig, Fault, image_folders
from maskdcpt.environment import environment
from maskdcpt.errors import UserError
from maskdcpt.files import (
    TEMPORARY,
    append_row,
    read_rows,
    remove_unfinished,
    resume_rows,
    sole_owner,
    write_json,
    write_whole,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CONFIG = "config.toml"
ENVIRONMENT = "environment.json"
METRICS = "metrics.jsonl"
QUARANTINE = "quarantine.jsonl"
RESTARTS = "restarts.jsonl"
IMAGES = "images.txt"
LOCK = ".lock"

NEUTRAL = {
    "data.workers",
    "data.prefetch",
    "train.device_batch",
    "train.strategy",
    "train.log_every",
    "train.picture_every",
    "train.checkpoint_every",
}
"""Settings that may differ when a run resumes, since they change none of its weights."""


@contextmanager
def open_run(folder: Path, config: DataclassInstance, images: Sequence[str]) -> Iterator[Path]:
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
            _require_same_settings(folder, config)
            _require_same_images(folder, images)
            write_whole(folder / CONFIG, to_toml(config).encode())  # more steps, or what changes nothing
        else:
            write_whole(folder / IMAGES, _listed(images))
            write_json(folder / ENVIRONMENT, environment())
            write_whole(folder / CONFIG, to_toml(config).encode())  # last: with it the folder is a run
        (folder / CHECKPOINTS).mkdir(exist_ok=True)
        remove_unfinished(folder / CHECKPOINTS)
        yield folder


def require_apart(run: Path, data: DataConfig) -> None:
    """Refuses a run folder within the images to train on, or one that takes the place of these.

    Raises:
        UserError: If it is one.
    """
    # The pictures that a run writes would be images to train on, and others each time that it resumes.
    for place in image_folders(data):
        if (place / CONFIG).is_file() and (place / CHECKPOINTS).is_dir():
            raise UserError(f"{place}: the folder of a training run; a folder of images to train on is needed")
        if run.resolve().is_relative_to(place.resolve()):
            raise UserError(f"{run}: lies in the images to train on, {place}; name a --run-dir elsewhere")


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of ``metrics.jsonl``; a last line that an interruption cut off is left out."""
    return read_rows(folder / METRICS)


def drop_rows_after(path: Path, step: int) -> None:
    """Forgets the rows of steps that a resumed run is going to repeat, and a last line that was cut off."""
    resume_rows(path, lambda row: row["step"] <= step)


def record_faults(folder: Path, step: int, faults: Iterable[Fault]) -> None:
    """Adds to the quarantine list what was wrong with the images of a step and was made up for.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    for fault in faults:
        append_row(folder / QUARANTINE, {"step": step, **fault._asdict()})


def _listed(names: Sequence[str]) -> bytes:
    # Names of files are bytes to the system, and need not be UTF-8.
    return "".join(f"{name}\n" for name in names).encode(errors="surrogateescape")


def _strangers(folder: Path) -> bool:
    # A run that was interrupted while it began leaves these and no more.
    ours = {LOCK, IMAGES, ENVIRONMENT}
    return any(path.name not in ours and not path.name.startswith(TEMPORARY) for path in folder.iterdir())


def _require_same_settings(folder: Path, config: DataclassInstance) -> None:
    # A setting that did not exist yet has what it is by default, which is to change nothing.
    began = from_dict(type(config), read_toml(folder / CONFIG), where=str(folder / CONFIG))
    before, after = (flatten(to_dict(each)) for each in (began, config))
    neutral = NEUTRAL | ({"train.steps"} if _may_grow(before, after) else set())
    differences = [
        f"{name} was {before.get(name, 'not set')} and is now {after.get(name, 'not set')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) and name not in neutral
    ]
    if differences:
        raise UserError(
            f"{folder}: this run was started with other settings: {'; '.join(differences)}; "
            "use the same settings to resume, or another --run-dir"
        )


def _may_grow(before: dict[str, Any], after: dict[str, Any]) -> bool:
    # Where the learning rate stays level, the steps so far do not depend on how many are to come.
    return after.get("train.schedule") == "constant" and after["train.steps"] >= before.get("train.steps", math.inf)


def _require_same_images(folder: Path, images: Sequence[str]) -> None:
    listed, now = (folder / IMAGES).read_bytes(), _listed(images)
    if listed != now:
        before, after = (set(text.split(b"\n")) for text in (listed, now))
        lost, added = len(before - after), len(after - before)
        raise UserError(
            f"{folder}: the training images have changed since this run was started ({added} added, {lost} gone); "
            "put them back to resume, or use another --run-dir"
        )
