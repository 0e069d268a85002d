"""Measuring one case, in this process or in another."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from maskdcpt.datasets.shift import Alignment, find_alignment, grey
from maskdcpt.errors import UserError, naming
from maskdcpt.evaluation.arms import Arm, Choice, make_arms
from maskdcpt.evaluation.case import Case, Setting, Shown, show
from maskdcpt.evaluation.whole_sets import write_features
from maskdcpt.images import write_image
from maskdcpt.metrics import Metric, SetMetric, find_metric

IMAGES = "images"
"""Folder of restored images."""


class Orders(NamedTuple):
    """What is done with every case of an evaluation."""

    choice: Choice
    """What restores."""
    described: str
    """What these arms depend on, as JSON: they are to be the same in all processes."""
    setting: Setting
    """What the cases belong to."""
    metrics: tuple[str, ...]
    """By what is measured; metrics of sets have their features written."""
    out: Path
    """Folder of results."""
    save_images: bool
    """Whether to write what arms restore."""


class Task(NamedTuple):
    """One case to be measured."""

    orders: Orders
    """What is done."""
    case: Case
    """With which case."""
    measured: bool
    """Whether its row is there, so that only its images are missing."""


def measure_case(task: Task) -> dict[str, Any] | None:
    """Measures a case in a process that may have begun just now.

    Returns:
        Its row as plain values; None where it had been measured.

    Raises:
        UserError: If it cannot be measured, or weights or folders have changed since the evaluation began.
    """
    return measure_with(_arms(task.orders.choice, task.orders.described), task)


def measure_with(arms: Sequence[Arm], task: Task) -> dict[str, Any] | None:
    """Measures a case with arms that are there already; otherwise as ``measure_case``."""
    orders, case = task.orders, task.case
    with naming(f"{case.spec.name}, {case.item.key}"):
        shown = show(case, orders.setting, arms)
        if orders.save_images:
            for arm, answer in shown.answers.items():
                path = picture_path(orders.out, arm, case)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_image(answer.restored, path)
        if task.measured:
            return None
        metrics = [find_metric(name) for name in orders.metrics]
        row = _row(case, shown, [metric for metric in metrics if isinstance(metric, Metric)])
        of_sets = [metric for metric in metrics if isinstance(metric, SetMetric)]
        if of_sets and shown.clean is not None:
            restored = {name: answer.restored for name, answer in shown.answers.items()}
            write_features(orders.out, case, of_sets, shown.clean, restored)
        return row


def picture_path(out: Path, arm: str, case: Case) -> Path:
    """Where what an arm has restored of a case is written."""
    return out / IMAGES / arm.replace("/", "-") / f"{case.place}.png"


def describe(arms: Sequence[Arm]) -> str:
    """What arms depend on, as JSON."""
    return json.dumps([arm.describe() for arm in arms])


@lru_cache(maxsize=1)
def _arms(choice: Choice, described: str) -> list[Arm]:
    arms = make_arms(choice)
    if describe(arms) != described:
        raise UserError("weights or folders of restored images have changed while they were being measured")
    return arms


@torch.no_grad()
def _row(case: Case, shown: Shown, metrics: Sequence[Metric]) -> dict[str, Any]:
    arms = {}
    for name, answer in shown.answers.items():
        values = {}
        for metric in metrics:
            if metric.needs_reference and shown.clean is None:
                continue
            values[metric.name] = metric.compute(answer.restored, shown.clean).item()
            if math.isnan(values[metric.name]):
                raise UserError(f"{metric.name} of {name} is not a number")
        arms[name] = {"predicted": answer.predicted, "values": values}
    row = {"set": case.spec.name, "image": case.item.key, "number": case.number, "arms": arms}
    alignment = _alignment(case, shown)
    return row if alignment is None else {**row, "alignment": alignment._asdict()}


def _alignment(case: Case, shown: Shown) -> Alignment | None:
    """How a pair that was found on the disk is aligned; None where that is not asked, or there is no clean image."""
    if not case.compared or shown.clean is None:
        return None
    return find_alignment(grey(shown.clean), grey(shown.degraded), case.type or None)
