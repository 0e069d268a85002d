"""Real processes, really killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

RECIPE = """
[backbone]
name = "nafnet"
width = 4
encoder_blocks = [1, 1]
middle_blocks = 1
decoder_blocks = [1, 1]
[classifier]
blocks = 1
[data]
crop = 32
workers = {workers}
[train]
steps = {steps}
batch = 2
log_every = 2
checkpoint_every = {checkpoint_every}
device = "cpu"
"""

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
FILES = ("model.safetensors", "classifier.safetensors", "config.json")


@pytest.fixture
def recipe(tmp_path):
    def write(**values):
        path = tmp_path / "recipe.toml"
        path.write_text(RECIPE.format(**values))
        return path

    return write


def command(recipe: Path, images: Path, run: Path) -> list[str]:
    line = [sys.executable, "-m", "maskdcpt", "pretrain", str(recipe)]
    return [*line, "--run-dir", str(run), "--data", str(images)]


def finish(recipe: Path, images: Path, run: Path, steps: int) -> Path:
    subprocess.run(command(recipe, images, run), env=ENVIRONMENT, check=True, capture_output=True, timeout=300)
    return run / "checkpoints" / f"step-{steps:08d}"


def kill_when(condition, process: subprocess.Popen) -> bool:
    """Kills a process as soon as the condition holds; False if the process ended before that."""
    while not condition():
        if process.poll() is not None:
            return False
        time.sleep(0.0005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return True


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_kill_at_random_moments_and_resume_gives_bit_equal_weights(recipe, images, tmp_path, workers):
    path = recipe(workers=workers, steps=120, checkpoint_every=7)
    expected = finish(path, images, tmp_path / "whole", 120)
    rng = random.Random(workers)
    run, kills = tmp_path / "run", 0
    for _ in range(4):
        with subprocess.Popen(
            command(path, images, run), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            size = (run / "metrics.jsonl").stat().st_size if (run / "metrics.jsonl").exists() else 0
            started = lambda size=size: (  # noqa: E731
                (run / "metrics.jsonl").exists() and (run / "metrics.jsonl").stat().st_size > size
            )
            moment = []

            def due(started=started, moment=moment):
                if not moment and started():
                    moment.append(time.monotonic() + rng.uniform(0, 0.5))
                return bool(moment) and time.monotonic() >= moment[0]

            kills += kill_when(due, process)
    assert kills >= 2
    resumed = finish(path, images, run, 120)
    for name in FILES:
        assert (resumed / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.slow
def test_kill_during_a_checkpoint_write_leaves_the_one_before(recipe, images, tmp_path):
    path = recipe(workers=0, steps=60, checkpoint_every=1)
    expected = finish(path, images, tmp_path / "whole", 60)
    run = tmp_path / "run"
    interrupted_writes = 0
    for after in (3, 20, 40):
        with subprocess.Popen(
            command(path, images, run), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:

            def writing(after=after):
                done = sorted((run / "checkpoints").glob("step-*"))
                return (
                    bool(done)
                    and int(done[-1].name.removeprefix("step-")) >= after
                    and any((run / "checkpoints").glob(".writing-*/model.safetensors"))
                )

            kill_when(writing, process)
        interrupted_writes += any((run / "checkpoints").glob(".writing-*"))
    assert interrupted_writes >= 1
    resumed = finish(path, images, run, 60)
    assert not list((run / "checkpoints").glob(".writing-*"))
    for name in FILES:
        assert (resumed / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.slow
def test_two_at_once_in_one_folder_are_refused(recipe, images, tmp_path):
    path = recipe(workers=1, steps=5000, checkpoint_every=5000)
    run = tmp_path / "run"
    with subprocess.Popen(
        command(path, images, run), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        while not (run / "metrics.jsonl").exists() or not (run / "metrics.jsonl").stat().st_size:
            assert first.poll() is None
            time.sleep(0.02)
        second = subprocess.run(
            command(path, images, run), env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False
        )
        first.kill()
    assert second.returncode == 2
    assert second.stderr.strip().splitlines() == [f"error: {run}: another process is training in this folder"]


@pytest.mark.slow
def test_a_full_disk_ends_in_one_line_and_keeps_the_last_checkpoint(recipe, images, tmp_path):
    path = recipe(workers=0, steps=8, checkpoint_every=2)
    run = tmp_path / "run"
    # From the second checkpoint on every file is limited to a size that its weights exceed.
    script = (
        "import resource, sys\n"
        "import maskdcpt.training.trainer as trainer\n"
        "save = trainer.save_checkpoint\n"
        "def limited(run, step, *rest):\n"
        "    if step > 2: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "    return save(run, step, *rest)\n"
        "trainer.save_checkpoint = limited\n"
        "from maskdcpt.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    words = command(path, images, run)[3:]
    result = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"error: File too large: {run}/checkpoints/.writing-"), last
    assert "Traceback" not in result.stderr
    assert [entry.name for entry in (run / "checkpoints").iterdir()] == ["step-00000002"]
    finish(path, images, run, 8)
