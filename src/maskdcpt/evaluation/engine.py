"""Measures arms on a protocol, image after image, so that an interruption at any moment costs one image."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from maskdcpt.errors import UserError
from maskdcpt.evaluation.alignment import SetAlignment, set_alignments
from maskdcpt.evaluation.arms import Arm, Choice, NetworkArm
from maskdcpt.evaluation.case import Case, Setting, cases_of
from maskdcpt.evaluation.locate import Item, Located, LocatedSet
from maskdcpt.evaluation.results import CSV, PARQUET, Measurement, write_measurements
from maskdcpt.evaluation.testset import Protocol, TestSet
from maskdcpt.evaluation.whole_sets import FEATURES, FEWEST, has_features, judge_set
from maskdcpt.evaluation.work import IMAGES, Orders, Task, describe, measure_case, measure_with, picture_path
from maskdcpt.files import append_row, read_json, read_rows, remove_unfinished, sole_owner, write_json, write_rows
from maskdcpt.metrics import Metric, SetMetric
from maskdcpt.parallel import HERE, Pool
from maskdcpt.progress import progress_bar
from maskdcpt.signals import StopRequest

IDENTITY = "evaluation.json"
"""File that says what is measured; only the same goes on."""

PROGRESS = "progress.jsonl"
"""File of what was measured so far, a line each image and damage; a later one takes the place of an earlier one."""

PICTURES = "pictures"
"""Entry of a line whose restored images were written."""

SUMMARY = "summary.json"
"""File of means, there when all is done."""

PAGE = "report.html"


@dataclass(frozen=True)
class Plan:
    """What is measured, on what, and how much of it."""

    protocol: Protocol
    """How to measure."""
    located: Located
    """Where the images are."""
    choice: Choice
    """What to measure, as words."""
    arms: Sequence[Arm]
    """The arms that these make, the input first."""
    metrics: tuple[Metric | SetMetric, ...]
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
    def setting(self) -> Setting:
        """What all cases have in common."""
        return Setting(self.protocol.name, self.protocol.version, self.crop)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return tuple(metric.name for metric in self.metrics)

    def cases(self) -> Iterator[Case]:
        """The cases in their order: sets, images, damages."""
        for located in self.located.sets:
            yield from cases_of(located, self.items(located))

    def of_set(self, case: Case) -> list[SetMetric]:
        """The metrics that judge the set of a case as a whole: none where it has no clean images."""
        if case.damage is None and case.item.clean is None:
            return []
        return [metric for metric in self.metrics if isinstance(metric, SetMetric)]

    @property
    def replaces(self) -> dict[str, str]:
        """Published set to the canonical one whose place it takes."""
        return {each.name: each.spec.replaces for each in self.located.sets if each.spec.replaces}

    @property
    def sizes(self) -> dict[str, int]:
        """Test set to how many of its images are measured."""
        return {each.name: len(self.items(each)) for each in self.located.sets}

    @property
    def classes(self) -> dict[str, Sequence[str]]:
        """Networks with a classifier to the types of damage that they know."""
        return {arm.name: arm.classes for arm in self.arms if isinstance(arm, NetworkArm) and arm.classes}

    @property
    def hashes(self) -> dict[str, str]:
        """Networks to the hashes of their weights."""
        return {arm.name: arm.sha256 for arm in self.arms if isinstance(arm, NetworkArm)}

    def require_measurable(self) -> None:
        """Refuses a plan of which nothing, or not all, can be measured.

        Raises:
            UserError: If no metric applies to any set, or one of sets is asked for and a set has a single image.
        """
        of_sets = [metric for metric in self.metrics if isinstance(metric, SetMetric)]
        paired = [each for each in self.located.sets if each.spec.damages or self.items(each)[0].clean is not None]
        alone = [metric for metric in self.metrics if isinstance(metric, Metric) and not metric.needs_reference]
        if not paired and not alone:
            needing = ", ".join(self.metric_names) + (" need" if len(self.metrics) > 1 else " needs")
            raise UserError(
                f"no set of protocol {self.protocol.name} here has clean images, as {needing}; piqe does without"
            )
        for each in paired if of_sets else ():
            if len(self.items(each)) < FEWEST:
                raise UserError(
                    f"{each.name}: {of_sets[0].title} needs {FEWEST} images or more of each set, and this has 1"
                )

    def identity(self) -> dict[str, Any]:
        """All that results depend on, as plain values."""
        return {
            "protocol": self.protocol.name,
            "version": self.protocol.version,
            "crop": self.crop,
            "limit": self.limit,
            "metrics": list(self.metric_names),
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


class Measured(NamedTuple):
    """What an evaluation has come to."""

    rows: list[Measurement]
    """In the order of sets, images, damages, arms and metrics; metrics of a whole set come after its images."""
    alignments: list[SetAlignment]
    """How pairs that were found on the disk are aligned, by test set."""


def measure(
    plan: Plan, out: Path, *, save_images: bool = False, anew: bool = False, pool: Pool = HERE, progress: bool = True
) -> Measured:
    """Measures all of a plan, or what an interruption has left of it, and writes the rows.

    Args:
        plan: What to do.
        out: Folder of results, made where missing.
        save_images: Whether to write what arms restore, as PNG, to ``images``.
        anew: Whether to forget what was measured there.
        pool: What cases are measured by.
        progress: Whether to show a progress bar on standard error.

    Raises:
        UserError: If another process writes there, something else was measured there, or an image cannot be measured.
        Preempted: If the process was asked to stop; what is done is kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    stop = StopRequest()
    alive = partial(stop.raise_if_received, out)

    with sole_owner(out / ".lock", "evaluating in"), stop.listening():
        _tidy(out)
        if anew:
            _clear(out)
        found = _begin(plan, out)
        cases = list(plan.cases())
        orders = Orders(plan.choice, describe(plan.arms), plan.setting, plan.metric_names, out.resolve(), save_images)
        left = [
            number
            for number, case in enumerate(cases)
            if case.key not in found or (save_images and not _has_pictures(plan, out, case, found[case.key]))
        ]

        def task(number: int) -> Task:
            return Task(orders, cases[number], cases[number].key in found)

        def alone(given: Task) -> dict[str, Any] | None:
            return measure_with(plan.arms, given)

        with (
            progress_bar(
                total=len(cases), title="evaluating", unit="image", done=len(cases) - len(left), show=progress
            ) as bar,
            closing(pool.work_off(measure_case, left, task, alive=alive, alone=alone)) as results,
        ):
            for number, measured in results:
                row = found[cases[number].key] if measured is None else measured
                found[cases[number].key] = row = {**row, PICTURES: True} if save_images else row
                append_row(out / PROGRESS, row, durable=True)
                bar.update()
        rows = list(_rows(plan, found, out))
        write_measurements(out, rows)
    return Measured(rows, set_alignments(found[case.key] for case in cases))


def _begin(plan: Plan, out: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """What was measured before, by the key of its case; notes what is measured where nothing was."""
    identity = plan.identity()
    found = read_progress(out)
    if (out / PROGRESS).is_file():
        write_rows(out / PROGRESS, list(found.values()))  # without the line that an interruption has cut off
    if found and (out / IDENTITY).is_file():
        require_same(out, read_json(out / IDENTITY), identity)
    elif found:
        raise UserError(f"{out}: {IDENTITY} is gone, which says what was measured; --force begins anew")
    else:
        write_json(out / IDENTITY, identity)
    lacking = {case.key for case in plan.cases() if plan.of_set(case) and not has_features(out, case)}
    return {key: row for key, row in found.items() if key not in lacking}


def _has_pictures(plan: Plan, out: Path, case: Case, row: Mapping[str, Any]) -> bool:
    # Pictures of a measurement that was begun anew are not those of this one.
    return PICTURES in row and all(picture_path(out, arm.name, case).is_file() for arm in plan.arms)


def _tidy(out: Path) -> None:
    """Removes what interrupted processes were writing."""
    for folder in (out, *(path for name in (FEATURES, IMAGES) for path in (out / name).rglob("*/"))):
        remove_unfinished(folder)


def _clear(out: Path) -> None:
    """Forgets the results of a folder; restored images stay, and are replaced."""
    for name in (SUMMARY, PAGE, PARQUET, CSV, PROGRESS, IDENTITY):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / FEATURES, ignore_errors=True)


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


def read_progress(out: Path) -> dict[tuple[str, str, int], dict[str, Any]]:
    """What was measured in a folder so far, by the key of its case.

    Raises:
        UserError: If it is not what an evaluation has written.
    """
    try:
        return {(row["set"], row["image"], row["number"]): row for row in read_rows(out / PROGRESS)}
    except KeyError:
        raise UserError(f"{out / PROGRESS}: not what an evaluation has left; --force begins anew") from None


def _rows(plan: Plan, found: Mapping[tuple[str, str, int], Mapping[str, Any]], out: Path) -> Iterator[Measurement]:
    row = partial(_row, f"{plan.protocol.name} v{plan.protocol.version}", plan.hashes)
    for _, group in groupby(plan.cases(), lambda case: case.spec.name):
        cases = list(group)
        for case in cases:
            for arm, answer in found[case.key]["arms"].items():
                for metric, value in answer["values"].items():
                    yield row(case.spec, arm, metric, value, case, answer["predicted"])
        if plan.of_set(cases[0]):
            for judged in judge_set(out, cases, plan.of_set(cases[0]), [arm.name for arm in plan.arms]):
                yield row(cases[0].spec, *judged)


def _row(
    protocol: str,
    hashes: Mapping[str, str],
    spec: TestSet,
    arm: str,
    metric: str,
    value: float,
    case: Case | None = None,
    predicted: str = "",
) -> Measurement:
    return Measurement(
        protocol=protocol,
        group=spec.group,
        task=spec.task,
        set=spec.name,
        variant=spec.variant,
        image=case.item.key if case else "",
        type=case.type if case else "",
        level=case.level if case else "",
        arm=arm,
        predicted=predicted,
        metric=metric,
        value=value,
        sha256=hashes.get(arm, ""),
    )
