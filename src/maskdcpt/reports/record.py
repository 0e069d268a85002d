"""What the folder of a run tells about it, finished or not, without loading weights."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from maskdcpt.backbones import BackboneConfig, build_backbone
from maskdcpt.backbones.checkpoints import CHECKPOINTS, checkpoints
from maskdcpt.backbones.weights import WEIGHTS
from maskdcpt.config import configuration, flatten, from_dict, read_toml
from maskdcpt.errors import UserError
from maskdcpt.evaluation import Row
from maskdcpt.files import read_json, unique_names
from maskdcpt.profiling import count_parameters
from maskdcpt.training import read_metrics
from maskdcpt.training.run import CONFIG, ENVIRONMENT
from maskdcpt.training.validation import ValidationSet, read_validation, read_validation_set


class Spent(NamedTuple):
    """What one stage of training has taken."""

    steps: int
    """Optimiser steps."""
    seconds: float
    """Time."""


class Record(NamedTuple):
    """One run."""

    name: str
    """What it is called beside others."""
    folder: Path
    """Where it is."""
    settings: dict[str, Any]
    """Dotted name to value, from its configuration."""
    machine: dict[str, Any]
    """Dotted name to value, of what it ran on and with."""
    rows: list[dict[str, Any]]
    """As logged."""
    spent: list[Spent]
    """Of the runs whose weights it started from, in order, and its own."""
    start: str | None
    """Weights it started from whose training is not known here; None if all of it is known."""
    parameters: int
    """Of the network, classifier left out."""
    validation_set: ValidationSet | None
    """What it is measured on; None if nothing."""
    validation: dict[int, list[Row]]
    """Rows of its measurements by step."""

    @property
    def before(self) -> Spent:
        """What the runs that it started from have taken together."""
        return Spent(sum(stage.steps for stage in self.spent[:-1]), sum(stage.seconds for stage in self.spent[:-1]))

    @property
    def measured(self) -> list[Row]:
        """Rows of the last measurement, none before the first."""
        return self.validation[max(self.validation)] if self.validation else []

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        planned: int = self.settings.get("train.steps", 0)
        return self.spent[-1].steps >= planned


@configuration
class _Network:
    backbone: BackboneConfig


def read_records(folders: Sequence[Path]) -> list[Record]:
    """Reads runs, each under a name of its own: that of its folder, with as many parents as it takes.

    Raises:
        UserError: If a folder is no run or is named twice, or a file in it is damaged.
    """
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if not _is_run(folder):
            raise UserError(f"{folder}: not a run; name a folder that `maskdcpt pretrain` or `finetune` trains in")
        if places.count(place) > 1:
            raise UserError(f"{folder}: named twice; each run is needed once")
    return [_read(folder, name) for folder, name in zip(folders, unique_names(places), strict=True)]


def _is_run(folder: Path) -> bool:
    # A checkpoint holds the configuration too, but not what the run has run on.
    return (folder / CONFIG).is_file() and (folder / ENVIRONMENT).is_file()


def _read(folder: Path, name: str) -> Record:
    values = read_toml(folder / CONFIG)
    machine = flatten(read_json(folder / ENVIRONMENT))
    machine.pop("command", None)
    rows = read_metrics(folder)
    earlier, start = _earlier(values.get("init"), {folder.resolve()})
    return Record(
        name=name,
        folder=folder,
        settings=flatten(values),
        machine=machine,
        rows=rows,
        spent=[*earlier, _spent(rows)],
        start=start,
        parameters=_parameters(folder, values),
        validation_set=read_validation_set(folder),
        validation=read_validation(folder),
    )


def _spent(rows: Sequence[Mapping[str, Any]]) -> Spent:
    return Spent(rows[-1]["step"], rows[-1]["seconds"]) if rows else Spent(0, 0.0)


def _earlier(init: str | None, seen: set[Path]) -> tuple[list[Spent], str | None]:
    """What the runs behind initial weights have taken, and the first weights that nothing is known of."""
    if init is None:
        return [], None
    weights = Path(init).parent if Path(init).name == WEIGHTS else Path(init)
    run = weights.parent.parent if weights.parent.name == CHECKPOINTS else weights
    place = run.resolve()
    if place in seen or not _is_run(run):
        return [], init
    stages, start = _earlier(read_toml(run / CONFIG).get("init"), seen | {place})
    # A run stands for its newest checkpoint.
    checkpoint = weights if weights != run else next(reversed(checkpoints(run)), None)
    number = re.fullmatch(r"step-(\d+)", checkpoint.name) if checkpoint is not None else None
    rows = read_metrics(run)
    spent = _spent(rows)
    if number:
        steps = int(number[1])
        spent = Spent(steps, _spent([row for row in rows if row["step"] <= steps]).seconds)
    return [*stages, spent], start


def _parameters(folder: Path, values: Mapping[str, Any]) -> int:
    where = f"{folder / CONFIG}"
    network = from_dict(_Network, {"backbone": values.get("backbone")}, where=where)
    with torch.device("meta"):  # counted without memory or time for weights
        return count_parameters(build_backbone(network.backbone))
