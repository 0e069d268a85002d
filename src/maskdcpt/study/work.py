"""What a worker of a study does: pre-trains, fine-tunes and measures, or goes on with it."""

from __future__ import annotations

import shutil
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import tomli_w
from tqdm import tqdm

from maskdcpt.backbones.checkpoints import checkpoints
from maskdcpt.errors import Preempted, UserError
from maskdcpt.files import read_json, write_json, write_whole
from maskdcpt.inference import RestoreOptions, Restorer
from maskdcpt.parallel.process import one_thread
from maskdcpt.profiling import count_parameters
from maskdcpt.progress import without_bars
from maskdcpt.study.facts import RunFacts
from maskdcpt.study.measure import Measuring, measure_network, probe_network, stages
from maskdcpt.study.plan import RUN, Run
from maskdcpt.study.rows import ENTERING, FINAL, INPUT, ROWS, StudyRow, write_study_rows
from maskdcpt.training import finetune, pretrain, read_metrics
from maskdcpt.training.finetune import finetuning

MEASURED = "measured.json"
"""File of what was measured of a run as a whole; with it the run is done."""

ERROR = "error.txt"
"""File of what has ended a run."""


class Failure(NamedTuple):
    """A run that could not be finished."""

    run: str
    """Its name."""
    problem: str
    """What was wrong, one line."""


@dataclass(frozen=True)
class Task:
    """Runs that one worker does one after another; without any, the damaged images are measured."""

    runs: tuple[Run, ...]
    """Those that share a pre-training."""
    measuring: Measuring
    """What they are measured on."""
    out: Path
    """Folder of the study."""


def work(task: Task) -> list[Failure]:
    """Does a task in a process of its own, which ends if it is asked to."""
    # Bars would make a lock for all processes, and one that is ended leaves its own behind.
    tqdm.set_lock(threading.RLock())
    try:
        return work_here(task)
    except Preempted:
        # Training has noted the request and saved its state; now the process does as it was asked.
        signal.raise_signal(signal.SIGTERM)
        raise


def work_here(task: Task, alive: Callable[[], object] = lambda: None) -> list[Failure]:
    """Does a task in this process.

    Args:
        task: The task.
        alive: Called now and then; what it raises ends the work.

    Returns:
        The runs that could not be finished; others go on without them.

    Raises:
        Preempted: If the process was asked to stop; what was done is kept.
    """
    with one_thread(), without_bars():
        if not task.runs:
            return _guarded(task.out / INPUT, INPUT, lambda: _measure_input(task, alive))
        return [
            failure
            for run in task.runs
            for failure in _guarded(run.folder, run.name, lambda run=run: _do(run, task.measuring, alive))  # type: ignore[misc]
        ]


def is_measured(folder: Path, measuring: Measuring) -> bool:
    """Whether a run, or the input, was measured on just these tests."""
    path = folder / MEASURED
    return path.is_file() and read_json(path).get("identity") == measuring.identity


def _guarded(folder: Path, name: str, doing: Callable[[], None]) -> list[Failure]:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        doing()
    except Preempted:
        raise
    except Exception as error:  # whatever ends one run must not end the others; it is told, and kept
        (folder / ERROR).write_text(traceback.format_exc(), encoding="utf-8")
        title = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        return [Failure(name, f"{title}{' '.join(str(error).split())}")]
    (folder / ERROR).unlink(missing_ok=True)
    return []


def _do(run: Run, measuring: Measuring, alive: Callable[[], object]) -> None:
    alive()
    if is_measured(run.folder, measuring):
        return
    write_whole(run.folder / RUN, tomli_w.dumps(run.settings()).encode())
    if run.pretraining is not None:
        pretrain(run.pretraining, run.pretraining_folder)
    finetune(run.finetuning, run.finetuning_folder)
    _measure(run, measuring, alive)
    for folder in (run.pretraining_folder, run.finetuning_folder):
        for old in checkpoints(folder)[:-1]:  # kept in case the last is damaged, and it was just read
            shutil.rmtree(old)


def _measure(run: Run, measuring: Measuring, alive: Callable[[], object]) -> None:
    options = RestoreOptions(precision="float32")
    rows: list[StudyRow] = []
    probed: dict[str, float] = {}
    key = (run.family, run.arm, run.seed)
    trained = {ENTERING: run.pretraining_folder, FINAL: run.finetuning_folder}
    for stage in stages(run.pretraining is not None):
        restorer = Restorer.from_pretrained(trained[stage], device="cpu", options=options)
        rows += _while(alive, measure_network(measuring, key, stage, restorer))
        probed[stage] = probe_network(measuring, restorer.backbone)
    if run.pretraining is None:
        untrained, _ = finetuning(run.finetuning, None)
        probed[ENTERING] = probe_network(measuring, untrained.backbone)
    facts = RunFacts(
        *key,
        begins_with=run.shares_with,
        parameters=count_parameters(restorer.backbone),
        pretraining_steps=run.steps.pretraining,
        finetuning_steps=run.steps.finetuning,
        pretraining_flops=run.cost.pretraining,
        finetuning_flops=run.cost.finetuning,
        plain_flops=run.cost.plain,
        pretraining_seconds=0.0 if run.pretraining is None else seconds_a_step(run.pretraining_folder),
        finetuning_seconds=seconds_a_step(run.finetuning_folder),
        probe_entering=probed[ENTERING],
        probe_final=probed[FINAL],
    )
    _write(run.folder, measuring, rows, {"run": asdict(facts)})


def _measure_input(task: Task, alive: Callable[[], object]) -> None:
    folder = task.out / INPUT
    if not is_measured(folder, task.measuring):
        rows = list(_while(alive, measure_network(task.measuring, (INPUT, INPUT, 0), FINAL, None)))
        _write(folder, task.measuring, rows, {})


def _while(alive: Callable[[], object], rows: Iterable[StudyRow]) -> Iterator[StudyRow]:
    for row in rows:
        alive()
        yield row


def _write(folder: Path, measuring: Measuring, rows: list[StudyRow], facts: dict[str, Any]) -> None:
    write_study_rows(folder / ROWS, rows)
    write_json(folder / MEASURED, {"identity": measuring.identity, **facts})


def seconds_a_step(folder: Path) -> float:
    """Median time of a step of a run, by its log: what happens now and then, such as saving, is not in it."""
    rows = [{"step": 0, "seconds": 0.0}, *read_metrics(folder)]
    times = [
        (after["seconds"] - before["seconds"]) / (after["step"] - before["step"]) for before, after in pairwise(rows)
    ]
    return float(median(times))
