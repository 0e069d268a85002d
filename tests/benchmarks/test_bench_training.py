"""``maskdcpt bench training`` measures real training, says what it could not measure, and leaves nothing behind."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import pytest
import torch

from maskdcpt.backbones import NAFNetConfig
from maskdcpt.benchmarks import TrainingPlan, bench_training
from maskdcpt.benchmarks import training as bench
from maskdcpt.data import DataConfig
from maskdcpt.errors import Preempted, UserError
from maskdcpt.pretraining import METHODS, ClassifierConfig, ReconstructionConfig
from maskdcpt.profiling.timing import laps
from maskdcpt.training import PretrainConfig, TrainConfig

CPU = torch.device("cpu")
TINY = PretrainConfig(
    backbone=NAFNetConfig(width=4, encoder_blocks=(1, 1), middle_blocks=1, decoder_blocks=(1, 1)),
    classifier=ClassifierConfig(blocks=1),
    data=DataConfig(types=("haze", "jpeg"), crop=32, workers=0),
    train=TrainConfig(batch=2, device="cpu"),
)
PLAN = TrainingPlan(steps=4, every=1, runs=1, laps=1, workers=(0, 1))


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def tables(lines):
    """From title to the rows below it, without their heads."""
    found = {}
    for line in lines:
        if line.endswith(":"):
            rows = found[line.rstrip(":")] = []
        elif line.startswith("| "):
            rows.append(line.strip("| ").split(" | "))
    return {title: rows[2:] for title, rows in found.items()}


@pytest.mark.slow
def test_every_table_comes_from_real_runs_and_nothing_of_them_stays(temporary):
    workers, methods, processes = tables(bench_training(TINY, PLAN)).items()
    assert workers[0] == "Pre-training, nafnet, 2 x 32 x 32 pixels"
    assert [row[0] for row in workers[1]] == ["0", "1"]
    assert all(float(rate) > 0 and 0 <= float(share.rstrip("%")) <= 100 for _, rate, share in workers[1])
    names = ["plain fine-tuning", *METHODS, "maskdcpt with decoder.tokens"]
    assert [row[0] for row in methods[1]] == names
    assert methods[1][0][2] == "1.00"
    assert all(float(seconds) > 0 and float(share) > 0 for _, seconds, share in methods[1])
    assert [row[0] for row in processes[1]] == ["1", "2"]
    assert all(float(rate) > 0 and float(share) > 0 for _, rate, share in processes[1])
    assert list(temporary.iterdir()) == []


def test_the_first_row_and_the_last_do_not_count_and_time_is_shared_out_by_its_length(tmp_path):
    # 40 images each: 10 s of which 1 are waited, and 40 s of which 24 are.
    rows = [(1, 0.9), (4, 0.1), (1, 0.6), (99, 0.0)]
    (tmp_path / "metrics.jsonl").write_text(
        "".join(json.dumps({"step": 1, "samples_per_second": rate, "data_wait": wait}) + "\n" for rate, wait in rows)
    )
    assert bench._speed(tmp_path) == pytest.approx((80 / 50, 25 / 50))


def test_ratios_are_medians_of_laps_and_laps_start_after_a_run_that_does_not_count(monkeypatch):
    clock = iter([0, 9, 0, 9, 0, 5, 0, 2, 0, 4, 0, 3])  # start and end of each run
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert list(laps({"a": list, "b": list}, CPU, 2)) == [{"a": 5, "b": 2}, {"a": 4, "b": 3}]


def test_a_step_trains_what_its_method_trains():
    batch = next(bench.training_batches(bench.training_data(TINY.data), TINY.data, batches=[range(2)], seed=0))
    for name, (model, minimised) in bench._trained(TINY):
        before = {key: value.clone() for key, value in model.state_dict().items()}
        bench._step(model, minimised, TINY.train, batch, CPU)()
        moved = {key.split(".")[0] for key, value in model.state_dict().items() if not value.equal(before[key])}
        method = METHODS.get(name, METHODS["maskdcpt"])
        assert ("classifier" in moved) == (name != bench.PLAIN and method.classifies), name
        assert ("decoder" in moved) == name.endswith("tokens"), name
        assert "backbone" in moved, name


def test_recipes_with_tokens_are_measured_with_and_without_them():
    loss = replace(TINY.loss, pixels="hidden")
    recipe = replace(TINY, decoder=ReconstructionConfig(tokens=True), loss=loss)
    models = {name: model for name, (model, _) in bench._trained(recipe)}
    assert [name for name, model in models.items() if getattr(model, "decoder", None)] == [[*models][-1]]


def test_what_keeps_two_processes_from_being_compared_is_said(monkeypatch):
    assert bench._obstacle(TINY, CPU) is None
    assert "batch of 3" in bench._obstacle(replace(TINY, train=replace(TINY.train, batch=3)), CPU)
    assert "one of kind mps" in bench._obstacle(TINY, torch.device("mps"))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert "core" in bench._obstacle(TINY, CPU)
    monkeypatch.setattr("torch.distributed.is_available", lambda: False)
    assert "torch.distributed" in bench._obstacle(TINY, CPU)
    monkeypatch.setattr(bench, "_workers", lambda *_: iter(()))
    monkeypatch.setattr(bench, "_methods", lambda *_: iter(()))
    line = "Two processes were not measured: this PyTorch lacks torch.distributed."
    assert list(bench_training(TINY, PLAN))[-1] == line


def test_sizes_that_do_not_fit_are_refused_at_once():
    with pytest.raises(UserError, match="whole number of patches"):
        bench_training(replace(TINY, data=replace(TINY.data, crop=40)), PLAN)


def test_being_asked_to_stop_leaves_nothing(temporary, monkeypatch):
    def stopped(config, folder):
        folder.mkdir()
        raise Preempted(f"{folder}: asked to stop")

    monkeypatch.setattr(bench, "pretrain", stopped)
    with pytest.raises(Preempted, match="bench: asked to stop"):
        list(bench_training(TINY, PLAN))
    assert list(temporary.iterdir()) == []


def test_a_run_that_fails_is_told_by_its_own_line(temporary, monkeypatch):
    def fails(words, environment, output):
        assert environment["OMP_NUM_THREADS"] == "1"
        output.write_text("Traceback\nerror: data: no such folder\nmore of torchrun\n")
        return 1

    monkeypatch.setattr(bench, "_call", fails)
    with pytest.raises(UserError, match=r"by 2 processes failed: data: no such folder$"):
        bench._pretrain_with(2, TINY)
    assert list(temporary.iterdir()) == []


PARENT = """
import signal, subprocess, sys
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Path(sys.argv[1]).write_text(str(child.pid))
try:
    child.wait()
finally:  # as torchrun does when it is terminated
    child.terminate()
"""


def test_an_interruption_ends_what_was_started(tmp_path, monkeypatch):
    number = tmp_path / "number"
    waited = subprocess.Popen.wait

    def interrupted(process, timeout=None):
        monkeypatch.setattr(subprocess.Popen, "wait", waited)
        while not (number.exists() and number.read_text()):
            time.sleep(0.02)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench._call((sys.executable, "-c", PARENT, str(number)), os.environ, tmp_path / "output")
    child = int(number.read_text())
    for _ in range(500):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("a process goes on")
