"""Real processes, really killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import cache, partial
from pathlib import Path

import pytest

from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image
from process_helpers import workers_of

RECIPE = """
[backbone]
name = "nafnet"
width = 4
encoder_blocks = [1, 1]
middle_blocks = 1
decoder_blocks = [1, 1]
{rest}
[data]
crop = 32
workers = {workers}
[train]
steps = {steps}
batch = 4
log_every = 2
checkpoint_every = {checkpoint_every}
device = "cpu"
"""

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
FILES = ("model.safetensors", "classifier.safetensors", "config.json")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of five small clean images, which no test changes."""
    folder = tmp_path_factory.mktemp("images")
    for seed in range(5):
        write_image(procedural_image(seed, (40, 48)), folder / f"{seed}.png")
    return folder


def write_recipe(folder: Path, stage: str = "pretrain", **values: int) -> Path:
    path = folder / "recipe.toml"
    rest = {"pretrain": "[classifier]\nblocks = 1", "finetune": '[validation]\nprotocol = "none"'}[stage]
    path.write_text(RECIPE.format(rest=rest, **values))
    return path


@pytest.fixture
def recipe(tmp_path):
    return partial(write_recipe, tmp_path)


def command(recipe: Path, images: Path, run: Path, stage: str = "pretrain", processes: int = 1) -> list[str]:
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    return [*start, "maskdcpt", stage, str(recipe), "--run-dir", str(run), "--data", str(images)]


def finish(recipe: Path, images: Path, run: Path, steps: int, stage: str = "pretrain", processes: int = 1) -> Path:
    line = command(recipe, images, run, stage, processes)
    subprocess.run(line, env=ENVIRONMENT, check=True, capture_output=True, timeout=300)
    return run / "checkpoints" / f"step-{steps:08d}"


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """Weights of an uninterrupted run, each trained once.

    They do not depend on the number of workers, nor on when checkpoints are written.
    """

    @cache
    def train(stage: str, steps: int, processes: int) -> dict[str, bytes]:
        folder = tmp_path_factory.mktemp("whole")
        path = write_recipe(folder, stage, workers=0, steps=steps, checkpoint_every=1000)
        return weights(finish(path, images, folder / "run", steps, stage, processes))

    return train


def weights(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}


def quietly(line: list[str]) -> subprocess.Popen:
    """Starts a command in a process group of its own, which can be killed with all its children."""
    null = subprocess.DEVNULL
    return subprocess.Popen(line, env=ENVIRONMENT, stdout=null, stderr=null, start_new_session=True)


def logged(run: Path) -> int:
    """Bytes that a run has logged."""
    metrics = run / "metrics.jsonl"
    return metrics.stat().st_size if metrics.exists() else 0


def wait_until(condition, process: subprocess.Popen) -> None:
    while not condition():
        assert process.poll() is None
        time.sleep(0.005)


def kill_when(condition, process: subprocess.Popen) -> bool:
    """Kills a process as soon as the condition holds; False if the process ended before that."""
    while not condition():
        if process.poll() is not None:
            return False
        time.sleep(0.0005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


def last_line_of_failure(preparation: str, line: list[str]) -> str:
    """Runs a command after other lines of Python; what it says last, which is all that it says of what went wrong."""
    start = "import sys\nfrom maskdcpt.cli.main import main\nmain(sys.argv[1:])\n"
    words = [sys.executable, "-c", preparation + start, *line[line.index("maskdcpt") + 1 :]]
    result = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "workers", "processes", "steps"),
    [("pretrain", 0, 1, 80), ("pretrain", 1, 1, 80), ("finetune", 0, 1, 80), ("pretrain", 0, 2, 60)],
)
def test_kill_at_random_moments_and_resume_gives_bit_equal_weights(
    recipe, images, whole, tmp_path, stage, workers, processes, steps
):
    path = recipe(stage, workers=workers, steps=steps, checkpoint_every=7)
    expected = whole(stage, steps, processes)
    assert len(expected) == {"pretrain": 3, "finetune": 2}[stage]
    rng = random.Random(f"{stage} {workers} {processes}")
    run, kills = tmp_path / "run", 0
    for _ in range(3):
        with quietly(command(path, images, run, stage, processes)) as process:
            size = logged(run)
            moment = []

            def due(size=size, moment=moment):
                if not moment and logged(run) > size:
                    moment.append(time.monotonic() + rng.uniform(0, 0.5))
                return bool(moment) and time.monotonic() >= moment[0]

            kills += kill_when(due, process)
    assert kills >= 2
    assert weights(finish(path, images, run, steps, stage, processes)) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "steps"), [(1, 80), (2, 60)])
def test_asked_to_stop_it_saves_and_the_same_command_goes_on(recipe, images, whole, tmp_path, processes, steps):
    path = recipe(workers=0, steps=steps, checkpoint_every=1000)
    run, log = tmp_path / "run", tmp_path / "log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            command(path, images, run, processes=processes), env=ENVIRONMENT, stdout=file, stderr=file
        ) as process,
    ):
        wait_until(lambda: logged(run), process)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
    stopped = [path.name for path in (run / "checkpoints").iterdir()]
    assert len(stopped) == 1
    step = int(stopped[0].removeprefix("step-"))
    assert 0 < step < steps
    assert f"{run}: asked to stop after step {step}; the same command goes on" in log.read_text()
    assert "<html" in (run / "report.html").read_text()
    if processes == 1:
        assert code == 75
    assert weights(finish(path, images, run, steps, processes=processes)) == whole("pretrain", steps, processes)


@pytest.mark.slow
def test_a_data_worker_killed_by_the_system_changes_nothing_but_the_record(recipe, images, whole, tmp_path):
    path = recipe(workers=1, steps=80, checkpoint_every=1000)
    run = tmp_path / "run"
    with quietly(command(path, images, run)) as process:
        wait_until(lambda: logged(run), process)
        (worker,) = workers_of(process)
        os.kill(worker, signal.SIGKILL)
        assert process.wait(timeout=120) == 0
    assert weights(run / "checkpoints" / "step-00000080") == whole("pretrain", 80, 1)
    assert "data worker ended by signal 9 (SIGKILL)" in (run / "quarantine.jsonl").read_text()


@pytest.mark.slow
def test_a_folder_that_vanishes_ends_in_one_line_and_once_it_is_back_nothing_is_lost(recipe, images, whole, tmp_path):
    # Images stay in memory once they are read, so each run sees the loss when it starts.
    images = Path(shutil.copytree(images, tmp_path / "images"))
    path = recipe(workers=0, steps=80, checkpoint_every=2)
    script = (
        "import os\n"
        "import maskdcpt.data.sources as sources\n"
        "read = sources.CachedImages.__getitem__\n"
        "count = iter(range(10**6))\n"
        "def vanishing(self, index):\n"
        "    self._recent.clear()\n"
        f"    if next(count) == 14: os.rename({str(images)!r}, {str(images) + '-away'!r})\n"
        "    return read(self, index)\n"
        "sources.CachedImages.__getitem__ = vanishing\n"
    )
    run = tmp_path / "run"
    last = last_line_of_failure(script, command(path, images, run))
    assert last.startswith(f"error: {images}")
    assert "images in a row cannot be read" in last
    assert [entry.name for entry in (run / "checkpoints").iterdir()] == ["step-00000002"]
    images.with_name(f"{images.name}-away").rename(images)
    assert weights(finish(path, images, run, 80)) == whole("pretrain", 80, 1)


@pytest.mark.slow
def test_kill_during_a_checkpoint_write_leaves_the_one_before(recipe, images, whole, tmp_path):
    path = recipe(workers=0, steps=80, checkpoint_every=1)
    run = tmp_path / "run"
    interrupted_writes = 0
    for after in (3, 20, 40):
        with quietly(command(path, images, run)) as process:

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
    resumed = finish(path, images, run, 80)
    assert not list((run / "checkpoints").glob(".writing-*"))
    assert weights(resumed) == whole("pretrain", 80, 1)


@pytest.mark.slow
def test_two_at_once_in_one_folder_are_refused(recipe, images, tmp_path):
    path = recipe(workers=1, steps=5000, checkpoint_every=5000)
    run = tmp_path / "run"
    with quietly(command(path, images, run)) as first:
        wait_until(lambda: logged(run), first)
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
        "import resource\n"
        "import maskdcpt.training.trainer as trainer\n"
        "save = trainer.save_checkpoint\n"
        "def limited(run, step, *rest):\n"
        "    if step > 2: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "    return save(run, step, *rest)\n"
        "trainer.save_checkpoint = limited\n"
    )
    last = last_line_of_failure(script, command(path, images, run))
    assert last.startswith(f"error: File too large: {run}/checkpoints/.writing-"), last
    assert [entry.name for entry in (run / "checkpoints").iterdir()] == ["step-00000002"]
    finish(path, images, run, 8)
