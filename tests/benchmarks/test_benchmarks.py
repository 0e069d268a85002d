"""What ``maskdcpt bench`` reports is what it says."""

import math
import re
import subprocess
import sys

import pytest
import torch

from maskdcpt.allocator import give_back_freed_memory, keep_freed_memory
from maskdcpt.benchmarks import DegradationPlan, Plan, bench_backbones, bench_degradations
from maskdcpt.benchmarks.backbones import _flops
from maskdcpt.errors import UserError
from maskdcpt.profiling.memory import peak_memory
from maskdcpt.profiling.timing import race

CPU = torch.device("cpu")
SMALLEST = Plan(inference=32, large=48, train=(1, 32), memory=(1, 32), repetitions=1)


def test_runners_take_turns_and_the_shortest_time_counts(monkeypatch):
    calls, clock = [], iter([0, 9, 0, 9, 0, 5, 0, 2, 0, 4, 0, 3])  # start and end of each run
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    times = race({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, CPU, 2)
    assert calls == ["a", "b"] * 3
    assert times == {"a": 4, "b": 2}


@pytest.mark.parametrize(("name", "gflop"), [("nafnet", 126), ("restormer", 310), ("promptir", 345)])
def test_operations_are_those_of_the_published_networks(name, gflop):
    assert _flops(name, 1, 256) / 1e9 == pytest.approx(gflop, abs=0.5)


def take_and_drop(before: int, during: int):
    kept = torch.ones(before * 2**18)  # MiB of float32
    return lambda: kept.sum() + torch.ones(during * 2**18).sum()


def run_out():
    raise RuntimeError("can't allocate memory")


def be_wrong():
    raise RuntimeError("another error")


def test_the_peak_is_what_the_work_adds():
    peak = peak_memory(take_and_drop, CPU, 300, 200)
    assert 195 < peak / 2**20 < 260


def test_memory_that_runs_out_is_told_apart_from_errors(capfd):
    assert peak_memory(run_out, CPU) is None
    assert peak_memory(take_and_drop, CPU, 1, 2**24) is None  # 16 TiB
    with pytest.raises(UserError, match="exit code 1"):
        peak_memory(be_wrong, CPU)
    assert "another error" in capfd.readouterr().err


@pytest.mark.slow
def test_every_table_has_a_row_of_numbers_for_every_network():
    lines = list(bench_backbones(["nafnet"], SMALLEST, CPU))
    titles = [line for line in lines if line.endswith(":") and not line.startswith("|")]
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| nafnet")]
    assert len(titles) == len(rows) == 4
    for row in rows:
        assert all(cell == "-" or float(cell) > 0 for cell in row[1:]), row
        assert sum(cell == "-" for cell in row) <= 2  # bfloat16 where the machine has none, and compiled
    gflop = float(rows[0][1])
    assert gflop == pytest.approx(126 * 32**2 / 256**2, abs=0.5)


HOLD = """
import resource, sys, torch
from pathlib import Path
from maskdcpt.allocator import give_back_freed_memory, keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20

assert keep_freed_memory()
before = resident()
del_me = torch.ones(200 * 2**18)
del del_me
kept = resident() - before
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(150 * 2**18)  # fits wherever the 200 MiB lay; alignment may keep the very same size from fitting
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
assert give_back_freed_memory()
print(kept, faults, resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has these options")
def test_freed_memory_is_kept_used_again_and_given_back():
    output = subprocess.run([sys.executable, "-c", HOLD], check=True, capture_output=True, text=True).stdout
    kept, faults, left = map(int, output.split())
    assert kept >= 190  # MiB of 200
    assert faults < 1000  # of 38,400 pages
    assert left < 50


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    assert not keep_freed_memory()
    assert not give_back_freed_memory()


def test_degradations_are_measured_kind_by_kind():
    lines = list(bench_degradations(["jpeg", "grey_poisson_noise"], DegradationPlan(rounds=1, batches=0)))
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]
    assert [row[:2] for row in rows] == [["jpeg", "jpeg"], ["jpeg", "webp"], ["noise", "grey_poisson_noise"]]
    rates = [float(row[2]) for row in rows]
    assert rates[0] > rates[1] > 0
    assert "imencode" in rows[1][3]
    assert all(sum(int(share) for share in re.findall(r"(\d+)%", row[3])) <= 101 for row in rows)
    mean, slowest = (float(number) for number in re.findall(r"(\d+) images/s", lines[-2]))
    assert mean == pytest.approx(math.prod(rates) ** (1 / 3), rel=0.02)
    assert slowest == min(rates)


@pytest.mark.slow
def test_workers_of_the_data_loader_race_each_other():
    lines = list(bench_degradations(["salt_pepper_noise"], DegradationPlan(rounds=1, batches=3, laps=1)))
    one, loader, plain = re.fullmatch(
        r"The data loader makes (\d+) crops a second with one worker, ([\d.]+) times as many with two; "
        r"without a loader, two processes make ([\d.]+) times as many as one\.",
        lines[-1],
    ).groups()
    assert int(one) > 0
    assert float(loader) > 0
    assert float(plain) > 0


def test_unknown_degradations_are_refused_at_once():
    with pytest.raises(UserError, match="did you mean 'haze'"):
        bench_degradations(["hase"], DegradationPlan(rounds=1, batches=0))
