"""Runs side by side: what differs in their settings, how they have learned, and what they came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from maskdcpt.errors import UserError
from maskdcpt.evaluation import INPUT, Row, Summary, summarise, types_of
from maskdcpt.reports.curves import ENGINE, VALIDATION, logged_terms, term_curves, time_unit
from maskdcpt.reports.page import write_page
from maskdcpt.reports.record import Record, read_records
from maskdcpt.training.validation import RESTORED, ValidationSet


class Result(NamedTuple):
    """One line of the table of validation."""

    title: str
    """Type of damage."""
    before: Summary
    """The damaged images."""
    after: list[Summary]
    """The restored ones, for each run that was measured."""


class Comparison(NamedTuple):
    """Runs that can be compared."""

    runs: list[Record]
    """All of them."""
    measured: list[Record]
    """Those with a validation, which the results are of."""
    results: list[Result]
    """Validation by type of damage, and the mean at last; empty if nothing was measured."""
    better: list[str]
    """For each measured run but the first, in how many cases its PSNR is higher than that of the first."""
    notes: list[str]
    """What limits the comparison, a line each."""

    @property
    def validation_set(self) -> ValidationSet | None:
        """What was measured on."""
        return self.measured[0].validation_set if self.measured else None


def compare_runs(folders: Sequence[Path]) -> Comparison:
    """Reads runs, finished or not, and refuses to hold numbers against one another that were measured differently.

    Args:
        folders: Two run folders or more.

    Raises:
        UserError: If there are fewer, one is no run, or their validations differ.
    """
    if len(folders) < 2:
        raise UserError("two run folders or more are needed to compare, such as runs/scratch runs/finetune")
    runs = read_records(folders)
    _require_same_validation(runs)
    measured = [run for run in runs if run.measured]
    return Comparison(runs, measured, _results(measured), _better(measured), _notes(runs, measured))


def write_comparison(path: Path, comparison: Comparison) -> Path:
    """Writes the page of a comparison."""
    runs = comparison.runs
    shifted = {run.name: _shifted(run) for run in runs}
    terms = logged_terms([row for rows in shifted.values() for row in rows])
    validation = {run.name: _validation_rows(run) for run in runs}  # all, so that each keeps its colour
    plots = [
        picture
        for rows, names in ((validation, [VALIDATION]), (shifted, [*terms, *ENGINE]))
        for pair in zip(term_curves(rows, names), term_curves(rows, names, over_time=True), strict=True)
        for picture in pair
    ]
    return write_page(
        path,
        "compare.html",
        comparison=comparison,
        spent=[(steps_text(run), time_text(run)) for run in runs],
        plots=plots,
        settings=_differences(runs, lambda run: run.settings),
        machine=_differences(runs, lambda run: run.machine),
    )


def steps_text(run: Record) -> str:
    """Steps of a run with those before it, such as ``100 + 200``, and how many it is to take if it is not done."""
    stages = [*(["?"] if run.start is not None else []), *(str(stage.steps) for stage in run.spent)]
    return " + ".join(stages) + ("" if run.finished else f" of {run.settings.get('train.steps', '?')}")


def time_text(run: Record) -> str:
    """Time of training of a run with that of the runs before it."""
    unit = time_unit(sum(stage.seconds for stage in run.spent))
    stages = [*(["?"] if run.start is not None else []), *(f"{each.seconds / unit.seconds:.1f}" for each in run.spent)]
    return f"{' + '.join(stages)} {unit.name}"


def _require_same_validation(runs: Sequence[Record]) -> None:
    sets = [(run.name, run.validation_set) for run in runs if run.validation_set is not None]
    for (one, first), (other, second) in pairwise(sets):
        difference = first.difference(second)
        if difference is not None:
            raise UserError(
                f"{one} and {other} were not measured on the same ({difference}); "
                "only runs with the same validation settings and images can be compared"
            )


def _results(measured: Sequence[Record]) -> list[Result]:
    if not measured:
        return []
    rows = measured[0].measured
    return [
        Result(title, summarise(rows, INPUT, name), [summarise(run.measured, RESTORED, name) for run in measured])
        for title, name in [*((name, name) for name in types_of(rows)), ("mean", None)]
    ]


def _better(measured: Sequence[Record]) -> list[str]:
    sentences = []
    for run in measured[1:]:
        pairs = list(zip(_scores(run.measured), _scores(measured[0].measured), strict=True))
        count = sum(own > first for own, first in pairs)
        sentences.append(f"{run.name} is better than {measured[0].name} in {count} of {len(pairs)} cases")
    return sentences


def _scores(rows: Sequence[Row]) -> list[float]:
    return [row.psnr for row in rows if row.arm == RESTORED]


def _notes(runs: Sequence[Record], measured: Sequence[Record]) -> list[str]:
    notes = []
    if not measured:
        notes.append("nothing was measured on validation images; only the curves can be compared")
    else:
        notes += [f"{run.name}: not measured on validation images" for run in runs if run not in measured]
    for run in runs:
        if not run.finished:
            notes.append(
                f"{run.name}: {run.spent[-1].steps} of {run.settings.get('train.steps', '?')} steps done so far"
            )
        if run.measured and max(run.validation) < run.spent[-1].steps:
            notes.append(f"{run.name}: last measured after step {max(run.validation)}")
        if run.start is not None:
            notes.append(f"{run.name}: steps and time behind {run.start} are not known")
    return notes


def _shifted(run: Record) -> list[dict[str, Any]]:
    # Training spent on the weights that a run starts from counts as if the run had done it itself.
    before = run.before
    return [{**row, "step": row["step"] + before.steps, "seconds": row["seconds"] + before.seconds} for row in run.rows]


def _validation_rows(run: Record) -> list[dict[str, Any]]:
    before = run.before
    rows = []
    for step, found in sorted(run.validation.items()):
        seconds = max((row["seconds"] for row in run.rows if row["step"] <= step), default=0.0)
        value = summarise(found, RESTORED).psnr
        rows.append({"step": step + before.steps, "seconds": seconds + before.seconds, VALIDATION: value})
    return rows


def _differences(runs: Sequence[Record], of: Callable[[Record], Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    names = dict.fromkeys(name for run in runs for name in of(run))
    rows = [(name, [of(run).get(name) for run in runs]) for name in names]
    return [(name, [_text(value) for value in values]) for name, values in rows if any(v != values[0] for v in values)]


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
