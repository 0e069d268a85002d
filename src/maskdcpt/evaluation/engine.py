"""Measures arms on a protocol, image after image, so that an interruption at any moment costs one image."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from maskdcpt.errors import UserError, naming
from maskdcpt.evaluation.arms import Answer, Arm, NetworkArm, question_of
from maskdcpt.evaluation.damage import Damage, Scope
from maskdcpt.evaluation.locate import Item, Located, LocatedSet, read_item
from maskdcpt.evaluation.results import CSV, PARQUET, Measurement, write_measurements
from maskdcpt.evaluation.testset import Protocol
from maskdcpt.files import append_durably, read_json, read_rows, remove_unfinished, sole_owner, write_json, write_rows
from maskdcpt.images import write_image
from maskdcpt.metrics import Metric
from maskdcpt.progress import progress_bar

IDENTITY = "evaluation.json"
"""File that says what is measured; only the same goes on."""

PROGRESS = "progress.jsonl"
"""File of what was measured so far, a line each image and damage."""

SUMMARY = "summary.json"
"""File of means, there when all is done."""

PAGE = "report.html"

IMAGES = "images"
"""Folder of restored images."""


@dataclass(frozen=True)
class Plan:
    """What is measured, on what, and how much of it."""

    protocol: Protocol
    """How to measure."""
    located: Located
    """Where the images are."""
    arms: Sequence[Arm]
    """What to measure, the input first."""
    metrics: tuple[Metric, ...]
    """By what."""
    crop: int = 0
    """Side of the middle part that is measured, in pixels; 0 for whole images, as the protocol wants it."""
    limit: int = 0
    """Images of each set, the first ones in order; 0 for all, as the protocol wants it."""

    def items(self, located: LocatedSet) -> tuple[Item, ...]:
        """The images of a set that are measured."""
        return located.items[: self.limit] if self.limit else located.items

    @property
    def whole(self) -> bool:
        """Whether all is measured that the protocol wants."""
        return not self.crop and not self.limit and not self.located.problems

    @property
    def cases(self) -> int:
        """Damaged images in all."""
        return sum(len(self.items(each)) * len(each.damages) for each in self.located.sets)

    @property
    def replaces(self) -> dict[str, str]:
        """Published set to the canonical one whose place it takes."""
        return {each.name: each.spec.replaces for each in self.located.sets if each.spec.replaces}

    @property
    def classes(self) -> dict[str, Sequence[str]]:
        """Networks with a classifier to the types of damage that they know."""
        return {arm.name: arm.classes for arm in self.arms if isinstance(arm, NetworkArm) and arm.classes}

    def identity(self) -> dict[str, Any]:
        """All that results depend on, as plain values."""
        return {
            "protocol": self.protocol.name,
            "version": self.protocol.version,
            "crop": self.crop,
            "limit": self.limit,
            "metrics": [metric.name for metric in self.metrics],
            "sets": [self._describe(each) for each in self.located.sets],
            "arms": [arm.describe() for arm in self.arms],
        }

    def _describe(self, located: LocatedSet) -> dict[str, Any]:
        digest = hashlib.sha256()
        for item in self.items(located):
            digest.update(f"{len(item.key)}:{item.key}".encode(errors="surrogateescape"))
            for path in (item.clean, item.degraded):
                digest.update(b"-" if path is None else f"{path.stat().st_size};".encode())
        return {"name": located.name, "images": len(self.items(located)), "names_sha256": digest.hexdigest()}


class Case(NamedTuple):
    """One damaged image of a plan."""

    located: LocatedSet
    """Its test set."""
    item: Item
    """Its image."""
    number: int
    """Place of its damage in the set."""
    damage: Damage | None
    """Its damage; None where it is damaged on the disk."""

    @property
    def key(self) -> tuple[str, str, int]:
        """Test set, image and number of the damage."""
        return self.located.name, self.item.key, self.number

    @property
    def level(self) -> str:
        """The damage as text, empty where it was found on the disk."""
        return self.damage.title if self.damage is not None else ""

    @property
    def type(self) -> str:
        """Type of damage, empty where it is not known."""
        return self.damage.type if self.damage is not None else self.item.type


class Shown(NamedTuple):
    """The images of a case."""

    clean: Tensor | None
    """The clean image; None where there is none."""
    degraded: Tensor
    """The damaged one."""
    answers: dict[str, Answer]
    """Arm to what it makes of it."""


def plan_cases(plan: Plan) -> Iterator[Case]:
    """The cases of a plan in their order."""
    for located in plan.located.sets:
        for item in plan.items(located):
            for number, damage in enumerate(located.damages):
                yield Case(located, item, number, damage)


def show(plan: Plan, case: Case, arms: Collection[str] | None = None) -> Shown:
    """Makes the images of a case anew.

    Args:
        plan: What is measured.
        case: Which case.
        arms: Names of the arms that restore; None for all.

    Raises:
        UserError: If one cannot be read or restored.
    """
    clean, degraded = read_item(case.item, plan.crop)
    if case.damage is not None:
        assert clean is not None
        scope = Scope(plan.protocol.name, plan.protocol.version, case.item.key)
        degraded = case.damage.degrade(clean, scope)
    assert degraded is not None
    level = None if case.damage is None else case.level
    question = question_of(case.located, case.item.key, level, case.number, degraded)
    chosen = [arm for arm in plan.arms if arms is None or arm.name in arms]
    return Shown(clean, degraded, {arm.name: arm.restore(question) for arm in chosen})


def measure(plan: Plan, out: Path, *, save_images: bool = False, progress: bool = True) -> list[Measurement]:
    """Measures all of a plan, or what an interruption has left of it, and writes the rows.

    Args:
        plan: What to do.
        out: Folder of results, made where missing.
        save_images: Whether to write what arms restore, as PNG, to ``images``.
        progress: Whether to show a progress bar on standard error.

    Returns:
        The rows in the order of sets, images, damages, arms and metrics.

    Raises:
        UserError: If another process writes there, something else was measured there, or an image cannot be measured.
    """
    out.mkdir(parents=True, exist_ok=True)
    with sole_owner(out / ".lock", "evaluating in"):
        remove_unfinished(out)
        identity = plan.identity()
        found = _resume(out / PROGRESS)
        if found and (out / IDENTITY).is_file():
            require_same(out, read_json(out / IDENTITY), identity)
        elif found:
            raise UserError(f"{out}: {IDENTITY} is gone, which says what was measured; --force begins anew")
        else:
            write_json(out / IDENTITY, identity)
        with progress_bar(total=plan.cases, title="evaluating", unit="image", done=len(found), show=progress) as bar:
            for case in plan_cases(plan):
                if case.key in found and not save_images:
                    continue
                with naming(f"{case.located.name}, {case.item.key}"):
                    shown = show(plan, case)
                    if save_images:
                        _save(plan, case, shown, out / IMAGES)
                    if case.key in found:
                        continue
                    row = _measured(plan, case, shown)
                append_durably(out / PROGRESS, row)
                found[case.key] = row
                bar.update()
        rows = list(_rows(plan, found))
        write_measurements(out, rows)
    return rows


def clear(out: Path) -> None:
    """Forgets the results of a folder; restored images stay, and are replaced."""
    for name in (SUMMARY, PAGE, PARQUET, CSV, PROGRESS, IDENTITY):
        (out / name).unlink(missing_ok=True)


def require_same(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses to go on with something else.

    Raises:
        UserError: Saying what differs.
    """
    for name in now:
        if before.get(name) == json.loads(json.dumps(now[name])):
            continue
        was, now_is = before.get(name), now[name]
        if isinstance(now_is, list):
            words = [{_title(each) for each in part} for part in (was or [], now_is)]
            change = " and ".join(sorted(map(str, words[0] ^ words[1]))[:3]) or "of the same names with other content"
            raise UserError(
                f"{out}: was begun with other {name} ({change}); use another --out, or --force to begin anew"
            )
        raise UserError(
            f"{out}: was begun with {name} {was}, not {now_is}; use another --out, or --force to begin anew"
        )


def _title(value: Any) -> str:
    return str(value["name"]) if isinstance(value, dict) else str(value)


def _resume(path: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    rows = read_rows(path)
    if path.is_file():
        write_rows(path, rows)  # without the line that an interruption has cut off
    try:
        return {(row["set"], row["image"], row["number"]): row for row in rows}
    except KeyError:
        raise UserError(f"{path}: not what an evaluation has left; --force begins anew") from None


@torch.no_grad()
def _measured(plan: Plan, case: Case, shown: Shown) -> dict[str, Any]:
    arms = {}
    for name, answer in shown.answers.items():
        values = {}
        for metric in plan.metrics:
            if metric.needs_reference and shown.clean is None:
                continue
            values[metric.name] = metric.compute(answer.restored, shown.clean).item()
            if math.isnan(values[metric.name]):
                raise UserError(f"{metric.name} of {name} is not a number")
        arms[name] = {"predicted": answer.predicted, "values": values}
    return {"set": case.located.name, "image": case.item.key, "number": case.number, "arms": arms}


def _rows(plan: Plan, found: Mapping[tuple[str, str, int], Mapping[str, Any]]) -> Iterator[Measurement]:
    title = f"{plan.protocol.name} v{plan.protocol.version}"
    for case in plan_cases(plan):
        spec = case.located.spec
        for arm, answer in found[case.key]["arms"].items():
            for metric, value in answer["values"].items():
                yield Measurement(
                    protocol=title,
                    group=spec.group,
                    task=spec.task,
                    set=spec.name,
                    variant=spec.variant,
                    image=case.item.key,
                    type=case.type,
                    level=case.level,
                    arm=arm,
                    predicted=answer["predicted"],
                    metric=metric,
                    value=value,
                )


def _save(plan: Plan, case: Case, shown: Shown, folder: Path) -> None:
    level = None if case.damage is None else case.level
    place = question_of(case.located, case.item.key, level, case.number, shown.degraded).place
    for arm, answer in shown.answers.items():
        path = folder / arm.replace("/", "-") / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(answer.restored, path)
