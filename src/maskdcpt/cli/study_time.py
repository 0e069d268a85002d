"""``maskdcpt study time``: what a step of each arm of a study takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.errors import UserError, require
from maskdcpt.files import sole_owner, write_csv
from maskdcpt.progress import progress_bar
from maskdcpt.study.recipe import load_study
from maskdcpt.study.rows import INPUT
from maskdcpt.study.run import STUDY
from maskdcpt.study.times import TIMES, StepTimes, count_arms, time_steps
from maskdcpt.study.work import MEASURED


@dataclass(frozen=True, kw_only=True)
class Options:
    """Takes a few steps of each arm, one after another in one thread; nothing else should keep the machine busy."""

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIR")]]
    """Folder of the study, whose recipe is there and whose report then takes the times."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean images to train on; without it the embedded images are used."""
    steps: int = 15
    """Steps of each part of an arm; the median counts."""
    rounds: int = 3
    """How often all is done; the quickest counts."""

    def __post_init__(self) -> None:
        require("--steps", self.steps, 1, 10_000)
        require("--rounds", self.rounds, 1, 1000)


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt study time")
    if not (options.folder / INPUT / MEASURED).is_file():
        raise UserError(f"{options.folder}: no study has begun here; maskdcpt study begins one")
    with sole_owner(options.folder / ".lock", "running a study in"):
        study = load_study(options.folder / STUDY)
        with progress_bar(total=options.rounds * count_arms(study), title="time", unit="arm") as bar:
            times = time_steps(study, options.data, options.steps, options.rounds, bar.update)
        write_csv(options.folder / TIMES, StepTimes, times)
    print(f"times: {options.folder / TIMES}")
    print(f"next: maskdcpt study report {options.folder} --out results")
    return 0
