"""``maskdcpt bench data`` measures what a build does, counts up rightly, and leaves nothing behind."""

import tempfile

import pytest

from maskdcpt.benchmarks import DataPlan, bench_data
from maskdcpt.benchmarks.data import Costs, _projection
from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image

PLAN = DataPlan(shard=3, laps=2, pairs=7, reads=2, images=1, batch=4)


def tables(lines):
    """From title to the rows below it, without their heads, and all other lines."""
    found, others = {}, []
    for line in lines:
        if line.endswith(":"):
            rows = found[line.rstrip(":")] = []
        elif line.startswith("| "):
            rows.append(line.strip("| ").split(" | "))
        elif line:
            others.append(line)
    return {title: rows[2:] for title, rows in found.items()}, others


@pytest.mark.slow
def test_every_table_comes_from_pairs_that_were_made_and_nothing_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        write_image(procedural_image(seed, (260, 300)), tmp_path / "photos" / f"{seed}.png")
    found, others = tables(bench_data(PLAN, tmp_path / "photos"))
    making, memory, reading, projected = found.values()
    assert [row[0] for row in making] == ["1", "2"]
    assert all(float(rate) > 0 for _, rate, _ in making)
    assert [row[0] for row in memory] == ["1", "2", "4", "9"]  # three shards of three pairs
    assert all(float(mebibytes) > 20 for _, mebibytes, _ in memory)
    assert [row[0] for row in reading] == ["images decoded from memory", "pairs read from shards"]
    assert [row[0] for row in projected] == ["1", "2", "16"]
    shares = [float(part.rpartition(" ")[2].rstrip("%.")) for part in others[0].split(": ", 1)[1].split(", ")]
    assert sum(shares) == pytest.approx(100, abs=4)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_what_is_projected_is_counted_up_from_what_was_measured():
    costs = Costs(one=30.0, two=54.0, scaling=1.8, processor=0.03, bytes=200_000)
    (rows,) = tables(_projection(costs))[0].values()
    assert rows[1][1:] == ["54", "12.8", "26", "1.28", "497"]
    assert rows[2][1:] == ["432", "1.6", "26", "1.28", "497"]
