"""A study from its recipe to all its rows: many runs in many processes, resumable at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from maskdcpt.config import to_toml
from maskdcpt.errors import UserError
from maskdcpt.files import remove_unfinished, sole_owner, write_whole
from maskdcpt.parallel import Pool
from maskdcpt.progress import progress_bar
from maskdcpt.signals import StopRequest
from maskdcpt.study.facts import RUNS
from maskdcpt.study.measure import Measuring
from maskdcpt.study.plan import Run, chains, require_same
from maskdcpt.study.recipe import StudyConfig
from maskdcpt.study.work import Failure, Task, is_measured, work, work_here
from maskdcpt.training import read_metrics

STUDY = "study.toml"
"""The recipe, in the folder of a study."""

LOOK = 2.0
"""Seconds between two looks at how far runs are."""


@dataclass(frozen=True)
class StudyOutcome:
    """What has become of the runs that were asked for."""

    done: int
    """Runs that are finished and measured."""
    failures: list[Failure]
    """Those that could not be."""


def run_study(
    study: StudyConfig,
    planned: Sequence[Run],
    runs: Sequence[Run],
    measuring: Measuring,
    out: Path,
    pool: Pool,
    say: Callable[[str], object],
) -> StudyOutcome:
    """Trains and measures, or goes on with it; runs that are done are left as they are.

    Args:
        study: The whole study.
        planned: All of its runs, which have to be as they were begun, those that are not wanted too.
        runs: Those that are wanted.
        measuring: What they are measured on.
        out: Folder of the study, made where missing.
        pool: What runs are worked off by; runs with one pre-training are one task.
        say: Is told of each run that fails, a line.

    Raises:
        UserError: If another process works in the folder, a run was begun there with other settings, or the results of
            a study lie there.
        Preempted: If the process was asked to stop; what is done is kept.
    """
    if (out / RUNS).is_file():
        raise UserError(f"{out}: results of a study lie here; name another folder to run one in")
    out.mkdir(parents=True, exist_ok=True)
    stop = StopRequest()
    alive = partial(stop.raise_if_received, out)
    alone = partial(work_here, alive=alive)

    with sole_owner(out / ".lock", "running a study in"), stop.listening():
        remove_unfinished(out)
        require_same(planned)
        write_whole(out / STUDY, to_toml(study).encode())
        tasks = [Task((), measuring, out), *(Task(chain.runs, measuring, out) for chain in chains(runs))]
        failures: list[Failure] = []
        with (
            _progress(runs),
            closing(pool.work_off(work, range(len(tasks)), tasks.__getitem__, alive=alive, alone=alone)) as results,
        ):
            for _, found in results:
                for failure in found:
                    say(f"{failure.run}: {failure.problem}")
                failures += found
    return StudyOutcome(sum(is_measured(run.folder, measuring) for run in runs), failures)


def steps_done(runs: Sequence[Run]) -> int:
    """Optimiser steps that runs have taken so far, as told by their logs; a shared pre-training counts once."""
    return sum(_last_step(folder, steps) for folder, steps in _trainings(runs).items())


def steps_wanted(runs: Sequence[Run]) -> int:
    """Optimiser steps of runs in all; a shared pre-training counts once."""
    return sum(_trainings(runs).values())


def _trainings(runs: Sequence[Run]) -> dict[Path, int]:
    first = {run.pretraining_folder: run.steps.pretraining for run in runs if run.pretraining is not None}
    return {**first, **{run.finetuning_folder: run.steps.finetuning for run in runs}}


def _last_step(folder: Path, steps: int) -> int:
    rows = read_metrics(folder)
    return min(int(rows[-1]["step"]), steps) if rows else 0


@contextmanager
def _progress(runs: Sequence[Run]) -> Iterator[None]:
    """Shows in the block how far all runs are together."""
    trainings = _trainings(runs)
    done = {folder: _last_step(folder, steps) for folder, steps in trainings.items()}
    ended = threading.Event()
    with progress_bar(total=sum(trainings.values()), title="study", unit="step", done=sum(done.values())) as bar:

        def look() -> None:
            for folder, steps in trainings.items():
                if done[folder] < steps:
                    step = max(_last_step(folder, steps), done[folder])
                    bar.update(step - done[folder])
                    done[folder] = step

        def watch() -> None:
            while not ended.wait(LOOK):
                look()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            look()
