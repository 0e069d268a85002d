"""Real worker processes: what they make, how they end, and what is left of them."""

import os
import resource
import signal
import time
from dataclasses import replace
from multiprocessing import active_children

import numpy as np
import pytest
import torch
from torch.utils.data import dataloader

from maskdcpt.data import DataConfig, SourceConfig, TrainingData, training_batches, training_data
from maskdcpt.data.mix import Source
from maskdcpt.data.pairs import ANY, Pair
from maskdcpt.data.procedural import procedural_image
from maskdcpt.errors import UserError
from maskdcpt.images import write_image


@pytest.fixture
def config(tmp_path):
    """Two sources, one of which has a broken image."""
    for number in range(4):
        for folder in ("a", "b"):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_image(procedural_image(number, (40, 40)), tmp_path / folder / f"{number}.png")
    (tmp_path / "b" / "3.png").write_bytes(b"text")
    sources = (SourceConfig(kind="clean", folder="a"), SourceConfig(kind="clean", folder="b", repeat=2))
    return DataConfig(
        folder=str(tmp_path), sources=sources, types=("gaussian_noise", "low_light"), crop=24, workers=0, prefetch=2
    )


NUMBERS = [range(start, start + 3) for start in (30, 0, 90)] + [[8, 5, 1000]] * 2


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))


@pytest.fixture
def quick(monkeypatch):
    """Looks for ended workers more often than every five seconds."""
    wait = dataloader._MultiProcessingDataLoaderIter._try_get_data
    monkeypatch.setattr(wait, "__defaults__", (0.2,))


@pytest.mark.slow
def test_batches_and_faults_are_the_same_whatever_the_number_of_workers(config):
    data = training_data(config)
    expected = list(training_batches(data, config, batches=NUMBERS, seed=4))
    assert [batch.index.tolist() for batch in expected] == [list(numbers) for numbers in NUMBERS]
    faults = [fault for batch in expected for fault in batch.faults]
    assert faults
    assert all(fault.source == "b" and fault.image == "3.png" for fault in faults)
    assert all(f"{config.folder}/b/3.png: not an image" in fault.problem for fault in faults)
    for workers in (1, 2):
        stream = training_batches(data, replace(config, workers=workers), batches=NUMBERS, seed=4)
        made = [next(stream)]
        # Ctrl-C, which a terminal sends to every process, is left to the main one.
        for worker in active_children():
            os.kill(worker.pid, signal.SIGINT)
        made += stream
        assert all(same(one, other) for one, other in zip(made, expected, strict=True))
        assert [batch.faults for batch in made] == [batch.faults for batch in expected]
    assert not active_children()


@pytest.mark.slow
def test_a_killed_worker_changes_nothing_but_is_told_of(config, quick):
    numbers = [range(3 * step, 3 * step + 3) for step in range(24)]
    data = training_data(config)
    expected = list(training_batches(data, config, batches=numbers, seed=1))
    made = []
    handler = signal.getsignal(signal.SIGCHLD)
    stream = training_batches(data, replace(config, workers=2, prefetch=1), batches=numbers, seed=1)
    for batch in stream:
        made.append(batch)
        if len(made) == 5:
            victim = active_children()[0]
            os.kill(victim.pid, signal.SIGKILL)
            # Between batches, where a training step is, nothing is interrupted.
            deadline = time.monotonic() + 0.3
            while time.monotonic() < deadline:
                pass
    assert signal.getsignal(signal.SIGCHLD) == handler
    assert all(same(one, other) for one, other in zip(made, expected, strict=True))
    told = [fault for batch in made for fault in batch.faults if not fault.image]
    assert [fault.problem for fault in told] == ["data worker ended by signal 9 (SIGKILL)"]
    assert all(fault.index == batch.index[0] for batch in made for fault in batch.faults if fault in told)
    rest = [tuple(fault for fault in batch.faults if fault not in told) for batch in made]
    assert rest == [batch.faults for batch in expected]
    assert not active_children()


class Deadly:
    """Images that no worker survives."""

    names = ("only",)
    labels = np.array([ANY], np.int16)

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)
        return Pair(torch.zeros(3, 8, 8))


@pytest.mark.slow
def test_workers_that_all_end_end_the_run_in_one_line(quick):
    config = DataConfig(types=("gaussian_noise",), crop=8, workers=1)
    data = TrainingData([Source("", Deadly(), 1.0, (0,), "nowhere")], config)
    with pytest.raises(UserError, match=r"data worker ended by signal 9 .*memory is probably short: lower") as caught:
        next(training_batches(data, config, batches=[[0]], seed=0))
    assert "\n" not in str(caught.value)
    assert not active_children()


def test_a_broken_source_is_one_line_from_a_worker_too(config, tmp_path):
    data = training_data(config)
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    with pytest.raises(UserError, match=r"^.*/[ab]: 8 images in a row cannot be read, .*\.png: no such file$"):
        next(training_batches(data, replace(config, workers=1), batches=NUMBERS, seed=0))


def test_closing_ends_the_workers(config):
    before = set(active_children())
    stream = training_batches(training_data(config), replace(config, workers=1), batches=NUMBERS * 20, seed=0)
    next(stream)
    (worker,) = set(active_children()) - before
    stream.close()
    assert worker.exitcode == 0
    assert worker not in active_children()


def test_an_error_of_the_program_is_not_taken_for_a_dead_worker(config, monkeypatch):
    data = training_data(config)
    monkeypatch.setattr(TrainingData, "read", lambda *_: torch.zeros(1).view(2))
    with pytest.raises(RuntimeError, match="shape"):
        next(training_batches(data, config, batches=NUMBERS, seed=0))


@pytest.mark.slow
def test_workers_that_are_no_longer_needed_end_in_order(capfd):
    # Large batches, so that some are being handed over when the end comes.
    config = DataConfig(types=("gaussian_noise",), crop=256, workers=2, prefetch=4)
    data = training_data(config)
    batches = training_batches(data, config, batches=[range(16 * n, 16 * n + 16) for n in range(40)], seed=0)
    before = set(active_children())
    next(batches)
    workers = set(active_children()) - before
    assert len(workers) == 2
    batches.close()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert capfd.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_shared_memory_that_is_too_small_for_a_batch_ends_the_run_with_one_line(config):
    data = training_data(config)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))  # of shared memory as well, which are files
    stream = training_batches(data, replace(config, workers=1), batches=NUMBERS, seed=4)
    try:
        with pytest.raises(UserError, match=r"^data: no shared memory for a batch of .* MiB .*data.workers = 0$"):
            next(stream)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        stream.close()
