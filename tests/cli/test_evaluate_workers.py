"""``maskdcpt evaluate --workers``: the same rows as by one process, whatever becomes of it or of its workers."""

import os
import re
import signal
import subprocess
import sys
import time
from multiprocessing import active_children

import pytest

from maskdcpt.cli.main import main
from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image
from maskdcpt.parallel import one_thread
from process_helpers import gone, wait_for_ends, workers_of

FILES = ("rows.csv", "rows.parquet")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(4):
        write_image(procedural_image(seed, (24 + 8 * seed, 40)), folder / f"{seed}.png")
    return folder


@pytest.fixture(scope="module")
def words(photos, weights):
    arms = ["--weights", str(weights), "--baselines", "median"]

    def line(out, workers):
        return [
            "evaluate",
            *arms,
            "--data",
            str(photos),
            "--no-efficiency",
            "--workers",
            str(workers),
            "--out",
            str(out),
        ]

    return line


def finish(words, out):
    """Goes on in this process, on one thread, and returns the rows."""
    with one_thread(), pytest.raises(SystemExit) as end:
        main(words(out, 1))
    assert end.value.code == 0
    return rows_of(out)


@pytest.fixture(scope="module")
def expected(words, tmp_path_factory):
    return finish(words, tmp_path_factory.mktemp("expected") / "one")


def rows_of(out):
    return [(out / name).read_bytes() for name in FILES]


def started(line):
    return subprocess.Popen(
        [sys.executable, "-m", "maskdcpt", *line],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_rows(process, out, count):
    while not (out / "progress.jsonl").exists() or (out / "progress.jsonl").read_bytes().count(b"\n") < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.002)


def wait_for_workers(process, count):
    deadline = time.monotonic() + 60
    while len(found := workers_of(process)) != count:
        assert time.monotonic() < deadline, f"{len(found)} workers instead of {count}"
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_whatever_is_killed_it_goes_on_to_the_rows_of_one_process(words, expected, tmp_path):
    out = tmp_path / "out"
    with started(words(out, 2)) as process:
        wait_for_rows(process, out, 4)
        os.kill(workers_of(process)[0], signal.SIGKILL)
        wait_for_rows(process, out, 15)  # more than were under way
        children = wait_for_workers(process, 2)  # the one that was killed is replaced
        process.send_signal(signal.SIGKILL)  # the main process alone: the workers have to notice
        process.wait()
        error = process.stderr.read()
    wait_for_ends(children)
    assert error.count("a worker was ended by the system; its work is done again") == 1
    kept = (out / "progress.jsonl").read_bytes().splitlines()
    assert 15 <= len(kept) < 60
    assert finish(words, out) == expected
    after = (out / "progress.jsonl").read_bytes().splitlines()
    assert after[: len(kept) - 1] == kept[:-1], "what was measured is not measured again"
    assert len(after) == 60


@pytest.mark.slow
def test_asked_to_stop_it_keeps_what_is_done(words, expected, tmp_path):
    out = tmp_path / "out"
    asked = "asked to stop; what is done is kept, and the same command goes on"
    stops = [(2, signal.SIGINT, 130, "interrupted"), (2, signal.SIGTERM, 75, asked), (1, signal.SIGTERM, 75, asked)]
    kept = 0
    for workers, number, code, last in stops:
        with started(words(out, workers)) as process:
            wait_for_rows(process, out, kept + 2)
            children = workers_of(process)
            os.killpg(process.pid, number)  # as a terminal and a scheduler do
            error = process.stderr.read()
            assert process.wait(timeout=30) == code, error
        assert "Traceback" not in error
        assert error.splitlines()[-1].endswith(last)
        assert len(children) == (0 if workers == 1 else workers)
        assert all(map(gone, children))
        kept = (out / "progress.jsonl").read_bytes().count(b"\n")
    assert kept < 60
    assert finish(words, out) == expected


def test_an_image_that_cannot_be_measured_ends_all_in_one_line(command, words, photos, tmp_path):
    code, _, err = command(*words(tmp_path / "out", 2), "--restored", f"files={photos}")
    assert code == 2
    assert "Traceback" not in err
    # Two processes measure side by side: which of the images fails first is open, its name and its place go together.
    named = rf"error: haze, (\d+)\.png: {re.escape(str(photos))}: no result haze/\d\d/\1\.png"
    assert re.fullmatch(named, err.splitlines()[-1])
    assert not active_children()


@pytest.mark.parametrize("count", ["-1", "5000"])
def test_a_number_of_workers_that_makes_no_sense(command, tmp_path, count):
    code, _, err = command("evaluate", "--workers", count, "--out", tmp_path / "out")
    assert code == 2
    assert err.startswith(f"error: --workers is {count}; it lies in [0, 1024]")
