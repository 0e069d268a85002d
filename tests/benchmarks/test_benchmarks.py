"""What ``maskdcpt bench`` reports is what it says."""

import pytest
import torch

from maskdcpt.allocator import keep_freed_memory
from maskdcpt.benchmarks import Plan, bench_backbones
from maskdcpt.benchmarks.backbones import _flops
from maskdcpt.benchmarks.memory import peak_memory
from maskdcpt.benchmarks.timing import race
from maskdcpt.errors import UserError

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


def test_the_allocator_is_told_to_keep_memory_on_linux_alone(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    assert keep_freed_memory() is False
