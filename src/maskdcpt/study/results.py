"""The results of a study, gathered from its folders, as a few small files that all else follows from."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple, TypeVar

from maskdcpt.config import from_dict, read_toml, to_dict, to_toml
from maskdcpt.errors import UserError
from maskdcpt.evaluation import summarise
from maskdcpt.files import read_json, write_csv, write_json, write_whole
from maskdcpt.study.facts import RUNS, CurvePoint, NamingPoint, RunFacts
from maskdcpt.study.plan import FINETUNE, PRETRAIN
from maskdcpt.study.recipe import StudyConfig
from maskdcpt.study.rows import FINAL, INPUT, ROWS, StudyRow, read_study_rows, write_study_rows
from maskdcpt.study.run import STUDY
from maskdcpt.study.times import TIMES, StepTimes
from maskdcpt.study.work import MEASURED
from maskdcpt.training.run import CONFIG, ENVIRONMENT, IMAGES, read_metrics
from maskdcpt.training.validation import RESTORED, read_validation

CURVES = "curves.csv"
NAMING = "pretraining.csv"
ABOUT = "about.json"

NAMING_POINTS = 20
"""Of a run, at most about so many: a row of metrics.jsonl is of few images."""

Record = TypeVar("Record", RunFacts, CurvePoint, NamingPoint, StepTimes)
Point = TypeVar("Point", CurvePoint, NamingPoint)


class StudyResults(NamedTuple):
    """All that a study has come to."""

    study: StudyConfig
    """What it compares."""
    rows: list[StudyRow]
    """What was measured; the damaged images first."""
    runs: list[RunFacts]
    """The runs that are done, in the order of the recipe."""
    curves: list[CurvePoint]
    """How they learned to restore."""
    naming: list[NamingPoint]
    """How their pre-training learned to name the damage, of those with one of their own and a classifier."""
    times: list[StepTimes]
    """What steps take, measured apart; empty where that was not done."""
    about: dict[str, Any]
    """What they were made with; empty without a run."""
    measured: str
    """Hash of what they were measured on, and how."""

    @property
    def missing(self) -> list[tuple[str, str, int]]:
        """Network, arm and seed of the runs of the recipe that are not done."""
        done = {facts.run for facts in self.runs}
        return [run for run in self.study.grid() if run not in done]


def gather(folders: Sequence[Path]) -> StudyResults:
    """Reads folders of studies, and of results that were written before.

    Several are parts of one study: their recipes may differ in arms, networks and seeds alone.

    Raises:
        UserError: If a folder is neither, or they do not belong together.
    """
    parts = [_read(folder) for folder in folders]
    study = parts[0].study
    for part, folder in zip(parts[1:], folders[1:], strict=True):
        study = _joined(study, part.study, folder)
        if part.measured != parts[0].measured:
            raise UserError(f"{folder}: its tests, or how they are measured, are not those of {folders[0]}")
        if not _alike(_inputs(part), _inputs(parts[0])):
            raise UserError(f"{folder}: was measured on other images than {folders[0]}")
    rows: dict[tuple[str, str, int], list[StudyRow]] = {}
    for part in parts:
        own: dict[tuple[str, str, int], list[StudyRow]] = {}
        for row in part.rows:
            own.setdefault(row.run, []).append(row)
        rows = {**own, **rows}  # of what is there twice the first counts
    runs = {facts.run: facts for part in reversed(parts) for facts in part.runs}
    order = [run for run in study.grid() if run in runs]
    return StudyResults(
        study,
        [row for run in [(INPUT, INPUT, 0), *order] for row in rows.get(run, [])],
        [runs[run] for run in order],
        _ordered((part.curves for part in parts), order),
        _ordered((part.naming for part in parts), order),
        next((part.times for part in parts if part.times), []),  # of one machine: those of two cannot be held together
        _merged([part.about for part in parts if part.about], ", ".join(map(str, folders))),
        parts[0].measured,
    )


def write_results(results: StudyResults, out: Path) -> None:
    """Writes the files of results into a folder, made where missing; the same results give the same bytes.

    Raises:
        UserError: If a study is run in the folder, which its results would then stand for.
        OSError: If one cannot be written.
    """
    if (out / INPUT / MEASURED).is_file():
        raise UserError(f"{out}: a study is run here; name another folder for its results")
    out.mkdir(parents=True, exist_ok=True)
    write_study_rows(out / ROWS, results.rows)
    write_csv(out / RUNS, RunFacts, results.runs)
    write_csv(out / CURVES, CurvePoint, results.curves)
    write_csv(out / NAMING, NamingPoint, results.naming)
    if results.times:
        write_csv(out / TIMES, StepTimes, results.times)
    else:
        (out / TIMES).unlink(missing_ok=True)
    write_json(out / ABOUT, {**results.about, "measured": results.measured})
    write_whole(out / STUDY, to_toml(results.study).encode())


def _read(folder: Path) -> StudyResults:
    if not (folder / STUDY).is_file():
        raise UserError(f"{folder}: no folder of a study or of its results; maskdcpt study makes one")
    study = from_dict(StudyConfig, read_toml(folder / STUDY), where=str(folder / STUDY))
    return _read_written(folder, study) if (folder / RUNS).is_file() else _read_study(folder, study)


def _read_written(folder: Path, study: StudyConfig) -> StudyResults:
    rows, runs = read_study_rows(folder / ROWS), _read_csv(folder / RUNS, RunFacts)
    measured: dict[tuple[str, str, int], set[tuple[str, ...]]] = {}
    for row in rows:
        if row.stage == FINAL:
            measured.setdefault(row.run, set()).add((row.test, *row.case))
    wanted = measured.get((INPUT, INPUT, 0), set())
    for facts in runs:
        if measured.get(facts.run, set()) != wanted:
            raise UserError(f"{folder}: {ROWS} lacks rows of {'/'.join(map(str, facts.run))}; gather them again")
    curves, naming = _read_csv(folder / CURVES, CurvePoint), _read_csv(folder / NAMING, NamingPoint)
    about = read_json(folder / ABOUT)
    if (measured := about.pop("measured", None)) is None:
        raise UserError(f"{folder / ABOUT}: tells not what was measured; gather the results again from the study")
    return StudyResults(study, rows, runs, curves, naming, _times(folder), about, measured)


def _read_study(folder: Path, study: StudyConfig) -> StudyResults:
    if not (folder / INPUT / MEASURED).is_file():
        raise UserError(f"{folder}: nothing is measured yet; the command that runs the study goes on with it")
    identity = read_json(folder / INPUT / MEASURED)["identity"]
    rows = read_study_rows(folder / INPUT / ROWS)
    runs: list[RunFacts] = []
    curves: list[CurvePoint] = []
    naming: list[NamingPoint] = []
    abouts: list[dict[str, Any]] = []
    for family, arm, seed in study.grid():
        place = folder / family / arm / str(seed)
        measured = read_json(place / MEASURED) if (place / MEASURED).is_file() else {}
        if measured.get("identity") != identity:  # not done yet, or not measured anew since the tests have changed
            continue
        runs.append(from_dict(RunFacts, measured["run"], where=str(place / MEASURED)))
        rows += read_study_rows(place / ROWS)
        curves += _curve(place / FINETUNE, runs[-1])
        naming += _naming(place / PRETRAIN, runs[-1])
        abouts.append(_about(place / FINETUNE))
    way = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return StudyResults(study, rows, runs, curves, naming, _times(folder), _merged(abouts, str(folder)), way)


def _times(folder: Path) -> list[StepTimes]:
    return _read_csv(folder / TIMES, StepTimes) if (folder / TIMES).is_file() else []


def _about(run: Path) -> dict[str, Any]:
    made = read_json(run / ENVIRONMENT)
    images = (run / IMAGES).read_bytes()
    device = read_toml(run / CONFIG)["train"]["device"]
    known = {"code": made.get("code"), **{name: made[name] for name in ("maskdcpt", "python", "packages", "threads")}}
    return {
        "training_images": len(images.splitlines()),
        "training_images_sha256": hashlib.sha256(images).hexdigest(),
        "made_with": [{**known, "cuda": None if device == "cpu" else made["cuda"]}],
    }


def _merged(abouts: Sequence[dict[str, Any]], where: str) -> dict[str, Any]:
    """What is the same for all runs, and each environment that some were made with."""
    if not abouts:
        return {}
    images = {about["training_images_sha256"] for about in abouts}
    if len(images) > 1:
        raise UserError(f"{where}: runs were trained on {len(images)} sets of images and cannot be compared")
    made = [each for about in abouts for each in about["made_with"]]
    return {**abouts[0], "made_with": [each for place, each in enumerate(made) if each not in made[:place]]}


def _curve(run: Path, facts: RunFacts) -> list[CurvePoint]:
    return [
        CurvePoint(
            *facts.run,
            facts.pretraining_steps + step,
            round(summarise(rows, RESTORED).psnr, 4),
        )
        for step, rows in sorted(read_validation(run).items())
    ]


def _naming(run: Path, facts: RunFacts) -> list[NamingPoint]:
    """Means over rows in a row; none without a pre-training of its own that names something."""
    if not facts.pretraining_steps or facts.begins_with:
        return []
    rows = [row for row in read_metrics(run) if "accuracy" in row]
    width = max(1, math.ceil(len(rows) / NAMING_POINTS))
    windows = [rows[first : first + width] for first in range(0, len(rows), width)]
    return [
        NamingPoint(*facts.run, each[-1]["step"], round(fmean(row["accuracy"] for row in each), 4)) for each in windows
    ]


def _ordered(parts: Iterable[Sequence[Point]], order: Sequence[tuple[str, str, int]]) -> list[Point]:
    """The points of runs that are done, in their order; of what several parts have the first counts."""
    places = {run: place for place, run in enumerate(order)}
    points: dict[tuple[int, int], Point] = {}
    for part in parts:
        for point in part:
            if (place := places.get((point.family, point.arm, point.seed))) is not None:
                points.setdefault((place, point.step), point)
    return [points[key] for key in sorted(points)]


def _joined(study: StudyConfig, other: StudyConfig, folder: Path) -> StudyConfig:
    def rest(each: StudyConfig) -> dict[str, Any]:
        alike = replace(each, arms=study.arms, seeds=study.seeds, families=study.families)
        return to_dict(replace(alike, question=study.question, limits=study.limits))

    arms = {arm.name: arm for arm in (*other.arms, *study.arms)}
    families = {**other.families, **study.families}
    same = all(arms[arm.name].bare == arm.bare for arm in other.arms)
    if rest(study) != rest(other) or not same or any(families[name] != other.families[name] for name in other.families):
        raise UserError(f"{folder}: its recipe differs from the first in more than which arms, networks and seeds")
    names = dict.fromkeys((*study.arm_names, *other.arm_names))
    return replace(
        study,
        arms=tuple(arms[name] for name in names),
        families={**study.families, **other.families},
        seeds=tuple(sorted({*study.seeds, *other.seeds})),
    )


def _inputs(part: StudyResults) -> dict[tuple[str, ...], float]:
    """What was measured of the damaged images."""
    return {
        (row.test, *row.case): value
        for row in part.rows
        if row.family == INPUT and (value := row.piqe if row.psnr is None else row.psnr) is not None
    }


def _alike(mine: dict[tuple[str, ...], float], other: dict[tuple[str, ...], float]) -> bool:
    """Whether two machines have measured the same; they may differ in the last digits."""
    return mine.keys() == other.keys() and all(math.isclose(mine[case], other[case], abs_tol=0.01) for case in mine)


def _read_csv(path: Path, kind: type[Record]) -> list[Record]:
    if not path.is_file():
        raise UserError(f"{path}: no such file of results")
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return [from_dict(kind, _values(kind, row), where=str(path)) for row in csv.DictReader(file, strict=True)]
        except (csv.Error, json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
            raise UserError(f"{path}: not a table of results ({error}); gather them again from the study") from None


def _values(kind: type[Record], row: dict[str, str]) -> dict[str, Any]:
    texts = {item.name for item in fields(kind) if item.type == "str"}
    return {name: value if name in texts else json.loads(value) for name, value in row.items()}
