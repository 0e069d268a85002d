"""The speed of training: how long it waits for data, what every method costs, and what a second process brings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch

from maskdcpt.benchmarks.table import line
from maskdcpt.config import to_toml
from maskdcpt.data import Batch, TrainingData, training_batches, training_data
from maskdcpt.devices import find_device, move
from maskdcpt.errors import Preempted, UserError
from maskdcpt.pretraining import METHODS, PretrainingModel, RestorationModel
from maskdcpt.profiling.timing import Work, laps
from maskdcpt.progress import progress_bar
from maskdcpt.training import FinetuneConfig, PretrainConfig, TrainConfig, pretrain, read_metrics
from maskdcpt.training.average import RunningMean
from maskdcpt.training.engine import number_format
from maskdcpt.training.finetune import finetuning
from maskdcpt.training.optimizer import build_optimizer, clip_gradients
from maskdcpt.training.pretrain import pretraining
from maskdcpt.training.trainer import Minimised

PLAIN = "plain fine-tuning"
"""The step that others are compared with: nothing hidden, nothing named."""
PROCESSES = (1, 2)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
"""Environment in which a process computes on one core, so that a second one finds another free."""


class TrainingPlan(NamedTuple):
    """How much is measured."""

    steps: int
    """Steps of each run of pre-training."""
    every: int
    """Steps between two rows of its metrics. The first row does not count, in which workers start, nor the last, in
    which they have nothing left to do; two or more are to be left."""
    runs: int
    """Runs with each number of workers, and of processes. Numbers take turns, and the median of the runs counts."""
    laps: int
    """Steps of each method. Methods take turns, and the median of the laps counts."""
    workers: tuple[int, ...] = (0, 1, 2)
    """Numbers of workers that prepare data."""


FULL_TRAINING = TrainingPlan(steps=200, every=20, runs=3, laps=30)
QUICK_TRAINING = TrainingPlan(steps=40, every=10, runs=1, laps=7)


class Speed(NamedTuple):
    """How fast a run of pre-training was."""

    rate: float
    """Images a second."""
    waiting: float
    """Share of the time that was spent waiting for data."""


def bench_training(config: PretrainConfig, plan: TrainingPlan) -> Iterator[str]:
    """Measures training at the size of a recipe, and tells the tables as lines of Markdown.

    Runs of pre-training are real ones, in temporary folders.

    Args:
        config: The recipe; its numbers of steps and workers are the plan's.
        plan: How much is measured.

    Raises:
        UserError: If the machine lacks the device, the data is missing, sizes do not fit together or, later, a run
            fails.
        Preempted: Later, if the process was asked to stop.
    """
    device = find_device(config.train.device)
    data = training_data(config.data)
    config = replace(config, train=replace(config.train, steps=plan.steps, log_every=plan.every))
    pretraining(config)  # which refuses what does not fit together
    return _lines(config, plan, data, device)  # apart, so that errors above come at once and not with the first line


def _lines(config: PretrainConfig, plan: TrainingPlan, data: TrainingData, device: torch.device) -> Iterator[str]:
    yield from _workers(config, plan)
    yield ""
    yield from _methods(config, plan, data, device)
    yield ""
    obstacle = _obstacle(config, device)
    yield from [f"Two processes were not measured: {obstacle}."] if obstacle else _processes(config, plan)


def _workers(config: PretrainConfig, plan: TrainingPlan) -> Iterator[str]:
    runs: list[dict[int, Speed]] = []
    with progress_bar(total=plan.runs * len(plan.workers), title="bench: workers", unit="run") as bar:
        for _ in range(plan.runs):
            runs.append({})
            for workers in plan.workers:
                runs[-1][workers] = _pretrain(replace(config, data=replace(config.data, workers=workers)))
                bar.update()
    yield from _head(f"Pre-training, {_size(config, config.train.batch)}", ("workers", "images/s", "waiting for data"))
    for workers in plan.workers:
        rate, waiting = (median(values) for values in zip(*(run[workers] for run in runs), strict=True))
        yield line((str(workers), f"{rate:.1f}", f"{waiting:.1%}"))


def _methods(config: PretrainConfig, plan: TrainingPlan, data: TrainingData, device: torch.device) -> Iterator[str]:
    images = min(config.train.batch, config.train.device_batch or config.train.batch)
    alone = replace(config.data, workers=0)
    with closing(training_batches(data, alone, batches=[range(images)], seed=config.train.seed)) as batches:
        layout = torch.channels_last if config.train.channels_last else torch.contiguous_format
        batch = next(batches).to(device, layout)
    steps = {name: _step(*trained, config.train, batch, device) for name, trained in _trained(config)}
    times: list[dict[str, float]] = []
    with progress_bar(total=plan.laps, title="bench: methods", unit="lap") as bar:
        for lap in laps(steps, device, plan.laps):
            times.append(lap)
            bar.update()
    yield from _head(f"A training step, {_size(config, images)}", ("step", "s", f"of {PLAIN}"))
    for name in steps:
        share = median(lap[name] / lap[PLAIN] for lap in times)
        yield line((name, f"{median(lap[name] for lap in times):.3f}", f"{share:.2f}"))


def _trained(
    config: PretrainConfig,
) -> Iterator[tuple[str, tuple[PretrainingModel | RestorationModel, Minimised]]]:
    """What is trained and minimised, by the name of the kind of training."""
    plain = FinetuneConfig(backbone=config.backbone, data=config.data, train=config.train)
    yield PLAIN, finetuning(plain, None)
    # What rebuilds hidden pixels, not every method can have; the choice of pixels costs nothing.
    tokens, loss = replace(config.decoder, tokens=False), replace(config.loss, pixels="all")
    for method in METHODS:
        yield method, pretraining(replace(config, method=method, decoder=tokens, loss=loss))
    tokens = replace(config.decoder, tokens=True)
    yield "maskdcpt with decoder.tokens", pretraining(replace(config, method="maskdcpt", decoder=tokens, loss=loss))


def _step(
    model: PretrainingModel | RestorationModel,
    minimised: Minimised,
    config: TrainConfig,
    batch: Batch,
    device: torch.device,
) -> Work:
    if config.channels_last:
        move(model, device)
    else:
        model.to(device)
    model.backbone.set_grad_checkpointing(config.checkpointing)
    optimizer, mean = build_optimizer(model, config), RunningMean(model, config.ema)
    precision = number_format(config, device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with precision.forward_context():
            total = minimised(model, batch, mean.updates, range(len(batch.index))).total
        total.backward()  # type: ignore[no-untyped-call]
        clip_gradients(model, config.clip)
        optimizer.step()
        mean.update()

    return step


def _processes(config: PretrainConfig, plan: TrainingPlan) -> Iterator[str]:
    alone = replace(config, data=replace(config.data, workers=0))  # every process makes the samples of its share
    runs: list[dict[int, Speed]] = []
    with progress_bar(total=plan.runs * len(PROCESSES), title="bench: processes", unit="run") as bar:
        for _ in range(plan.runs):
            runs.append({})
            for processes in PROCESSES:
                runs[-1][processes] = _pretrain_with(processes, alone)
                bar.update()
    title = f"Pre-training by processes of one thread without workers, {_size(config, config.train.batch)} in all"
    yield from _head(title, ("processes", "images/s", "of one"))
    for processes in PROCESSES:
        share = median(run[processes].rate / run[1].rate for run in runs)
        yield line((str(processes), f"{median(run[processes].rate for run in runs):.1f}", f"{share:.2f}"))


def _obstacle(config: PretrainConfig, device: torch.device) -> str | None:
    """Why two processes cannot be compared with one, if so."""
    if not torch.distributed.is_available():
        return "this PyTorch lacks torch.distributed"
    if device.type != "cpu" and (device.type != "cuda" or torch.cuda.device_count() < len(PROCESSES)):
        return f"each needs a device of its own, and this machine has one of kind {device.type}"
    if device.type == "cpu" and (os.cpu_count() or 1) < len(PROCESSES):
        return "each needs a core of its own, and this machine has one"
    if config.train.batch % len(PROCESSES):
        return f"a batch of {config.train.batch} cannot be divided"
    return None


def _pretrain(config: PretrainConfig) -> Speed:
    with TemporaryDirectory(prefix="maskdcpt-bench-") as folder:
        run = Path(folder) / "run"
        try:
            pretrain(config, run)
        except Preempted:
            raise Preempted("bench: asked to stop; nothing of it is kept") from None
        return _speed(run)


def _pretrain_with(processes: int, config: PretrainConfig) -> Speed:
    with TemporaryDirectory(prefix="maskdcpt-bench-") as folder:
        recipe, run, output = (Path(folder) / name for name in ("recipe.toml", "run", "output.txt"))
        recipe.write_text(to_toml(config), encoding="utf-8")
        launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node", str(processes))
        command = ("-m", "maskdcpt", "pretrain", str(recipe), "--run-dir", str(run))
        # torchrun leaves folders for logs where temporary files go.
        environment = {**os.environ, **ONE_THREAD, "TMPDIR": folder}
        code = _call((sys.executable, "-m", *launcher, *command), environment, output)
        if code:
            said = [row for row in output.read_text(errors="replace").splitlines() if "error: " in row]
            reason = said[0].partition("error: ")[2] if said else f"torchrun ended with exit code {code}"
            raise UserError(f"pre-training by {processes} processes failed: {reason}")
        return _speed(run)


def _call(words: Sequence[str], environment: Mapping[str, str], output: Path) -> int:
    # In a session of its own Ctrl-C does not reach it, and it is ended in the one way that torchrun passes on to the
    # processes that it has started.
    with (
        output.open("wb") as file,
        subprocess.Popen(
            words, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            process.wait()
            raise


def _speed(run: Path) -> Speed:
    rows = read_metrics(run)[1:-1]
    seconds = [1 / row["samples_per_second"] for row in rows]  # of an image; every row has the same number of them
    waited = sum(row["data_wait"] * time for row, time in zip(rows, seconds, strict=True))
    return Speed(len(rows) / sum(seconds), waited / sum(seconds))


def _size(config: PretrainConfig, images: int) -> str:
    return f"{config.backbone.name}, {images} x {config.data.crop} x {config.data.crop} pixels"


def _head(title: str, columns: Sequence[str]) -> tuple[str, ...]:
    return f"{title}:", "", line(columns), line(["---", *("---:" for _ in columns[1:])])
