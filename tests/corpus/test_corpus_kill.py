"""Real processes: killed, stopped, short of memory, and two at once."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from corpus_helpers import ENVIRONMENT, RECIPE, contents, fill_root

from maskdcpt.corpus import build, read_recipe
from maskdcpt.datasets import DATASETS
from process_helpers import gone, wait_for_ends, workers_of

LARGE = (("samples = 14", "samples = 150"), ("crop = 32", "crop = 40"), ("shard = 8", "shard = 4"))
"""Enough shards to be interrupted between them."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A recipe, its sources, and the data set that comes of it without any interruption."""
    desk = tmp_path_factory.mktemp("desk")
    fill_root(desk / "root")
    text = RECIPE
    for before, after in LARGE:
        text = text.replace(before, after)
    (desk / "recipe.toml").write_text(text)
    build(read_recipe(str(desk / "recipe.toml")), desk / "root", desk / "whole", DATASETS, progress=False)
    return desk


@pytest.fixture
def words(desk, tmp_path):
    shutil.copytree(desk / "root", tmp_path / "root")
    path, root = desk / "recipe.toml", tmp_path / "root"

    def line(out, workers):
        return [sys.executable, "-m", "maskdcpt", "data", "build", "--recipe", str(path), "--root", str(root), "--out",
                str(out), "--workers", str(workers)]  # fmt: skip

    return line


def finish(line):
    return subprocess.run(line, env=ENVIRONMENT, check=True, capture_output=True, text=True, timeout=120).stderr


def started(line):
    """In a process group of its own."""
    return subprocess.Popen(
        line, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for_shards(process, out, count):
    while not (out / "shards.jsonl").exists() or len((out / "shards.jsonl").read_text().splitlines()) < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.002)


@pytest.fixture
def expected(desk):
    return contents(desk / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(words, expected, tmp_path, workers):
    out = tmp_path / "out"
    with started(words(out, workers)) as process:
        wait_for_shards(process, out, 5)
        children = workers_of(process)
        # The main process alone: the workers have to notice.
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for_ends(children)
    said = finish(words(out, workers))
    assert "shards are there and whole, and are kept" in said
    assert contents(out) == expected
    assert not list((out / "data").glob(".writing-*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "number", "code"), [(0, signal.SIGTERM, 75), (2, signal.SIGTERM, 75), (2, signal.SIGINT, 130)]
)
def test_asked_to_stop_it_ends_in_one_line_with_its_workers(words, tmp_path, workers, number, code):
    out = tmp_path / "out"
    with started(words(out, workers)) as process:
        wait_for_shards(process, out, 2)
        children = workers_of(process)
        assert len(children) == workers
        os.killpg(process.pid, number)  # as a terminal and a scheduler do
        error = process.stderr.read()
        assert process.wait(timeout=30) == code, error
    assert "Traceback" not in error
    last = error.splitlines()[-1]
    if number == signal.SIGTERM:
        assert last == f"{out}: asked to stop; what is done is kept, and the same command goes on"
    else:
        assert last.endswith("interrupted")
    assert all(map(gone, children))
    assert not list((out / "data").glob(".writing-*"))


@pytest.mark.slow
def test_a_worker_that_the_system_ends_is_replaced(words, expected, tmp_path):
    out = tmp_path / "out"
    with started(words(out, 2)) as process:
        wait_for_shards(process, out, 2)
        os.kill(workers_of(process)[0], signal.SIGKILL)
        error = process.stderr.read()
        assert process.wait(timeout=60) == 0, error
    assert contents(out) == expected


@pytest.mark.slow
def test_workers_that_end_again_and_again_are_given_up(words, tmp_path):
    script = tmp_path / "dying.py"
    script.write_text(
        "import os, sys\n"
        "import maskdcpt.corpus.survey as survey\n"
        "if __name__ != '__main__':\n"  # in the workers alone
        "    survey._look = lambda *_: os.kill(os.getpid(), 9)\n"
        "else:\n"
        "    from maskdcpt.cli.main import main\n"
        "    main(sys.argv[1:])\n"
    )
    line = [sys.executable, str(script), *words(tmp_path / "out", 1)[3:]]
    result = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: 3 times without a result in between a worker was ended by the system")
    assert "lower --workers (1)" in last


@pytest.mark.slow
def test_two_at_once_in_one_folder_are_refused(words, tmp_path):
    out = tmp_path / "out"
    with started(words(out, 1)) as first:
        wait_for_shards(first, out, 1)
        first.send_signal(signal.SIGSTOP)  # it holds the folder and gets no further
        second = subprocess.run(words(out, 0), env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
        first.kill()
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1] == f"error: {out}: another process is building a data set in this folder"


@pytest.mark.slow
def test_a_source_that_vanishes_ends_in_one_line_and_nothing_is_lost(words, expected, tmp_path):
    out, root = tmp_path / "out", tmp_path / "root"
    with started(words(out, 0)) as process:
        wait_for_shards(process, out, 2)
        root.rename(tmp_path / "away")
        error = process.stderr.read()
        assert process.wait(timeout=60) == 2, error
    assert "gone since the build has begun; the same command goes on once it is back" in error.splitlines()[-1]
    (tmp_path / "away").rename(root)
    finish(words(out, 0))
    assert contents(out) == expected
