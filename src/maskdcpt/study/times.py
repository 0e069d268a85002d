"""What a step of each arm of a study takes, measured apart from its runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from maskdcpt.parallel.process import one_thread
from maskdcpt.progress import without_bars
from maskdcpt.study.plan import Run, plan_runs
from maskdcpt.study.recipe import StudyConfig
from maskdcpt.study.work import seconds_a_step
from maskdcpt.training import FinetuneConfig, PretrainConfig, finetune, pretrain

TIMES = "times.csv"
"""File of times, in a folder of a study or of its results."""

Config = TypeVar("Config", PretrainConfig, FinetuneConfig)


@dataclass(frozen=True)
class StepTimes:
    """Of one network, trained in one way."""

    family: str
    """Name of the network."""
    arm: str
    """Name of the way."""
    pretraining_seconds: float
    """Of a step; 0 from scratch."""
    finetuning_seconds: float
    """Of a step."""


def count_arms(study: StudyConfig) -> int:
    """How many networks and ways there are to be timed."""
    return len({(family, arm) for family, arm, _ in study.grid()})


def time_steps(
    study: StudyConfig, data: Path | None, steps: int, rounds: int, done: Callable[[], object]
) -> list[StepTimes]:
    """Takes a few steps of each kind, in turns, so that what else the machine does meets all alike.

    Steps of the same settings are timed once. Of a part the median of its steps counts, and of rounds the quickest.

    Args:
        study: The study.
        data: Folder of clean images to train on; None for the embedded ones.
        steps: Of each part.
        rounds: How often.
        done: Called after each arm of each round.

    Raises:
        UserError: If settings are wrong, or images cannot be read.
    """
    rows = []
    for _ in range(rounds):
        with TemporaryDirectory() as folder, one_thread(), without_bars():
            rows.append(_round(study, Path(folder), data, steps, done))
    return [
        replace(
            same[0],
            pretraining_seconds=min(each.pretraining_seconds for each in same),
            finetuning_seconds=min(each.finetuning_seconds for each in same),
        )
        for same in zip(*rows, strict=True)
    ]


def _round(study: StudyConfig, out: Path, data: Path | None, steps: int, done: Callable[[], object]) -> list[StepTimes]:
    made: dict[str, Path] = {}
    firsts: dict[tuple[str, str], Run] = {}
    for run in plan_runs(study, out, data):
        firsts.setdefault((run.family, run.arm), run)
    rows = []
    for run in firsts.values():
        first: PretrainConfig | None = None
        begins: Path | None = None
        second = _short(run.finetuning, steps)
        if run.pretraining is not None:
            first = _short(run.pretraining, steps)
            begins = made.setdefault(repr(first), run.pretraining_folder)
            if begins == run.pretraining_folder and not begins.exists():
                pretrain(first, begins)
        # What pre-training leaves matters for the time where its classifier is kept.
        kind = repr((replace(second, init=None), first if second.keep_classifier else None))
        place = made.setdefault(kind, run.finetuning_folder)
        if place == run.finetuning_folder:
            finetune(replace(second, init=None if begins is None else str(begins)), place)
        times = [seconds_a_step(begins) if begins else 0.0, seconds_a_step(place)]
        rows.append(StepTimes(run.family, run.arm, *(round(each, 5) for each in times)))
        done()
    return rows


def _short(config: Config, steps: int) -> Config:
    train = replace(config.train, steps=steps, seed=0, log_every=1, checkpoint_every=steps)
    return replace(config, train=train)
