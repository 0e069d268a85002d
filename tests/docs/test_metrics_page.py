"""The page on metrics is in step with the metrics and baselines, and its scripts do what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from maskdcpt.baselines import BASELINES
from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import write_image
from maskdcpt.metrics import METRICS, SET_METRICS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text()


@pytest.mark.parametrize("metric", [*METRICS.values(), *SET_METRICS.values()], ids=lambda metric: metric.name)
def test_the_table_has_every_metric(metric):
    better = "higher" if metric.higher_is_better else "lower"
    assert f"| `{metric.name}` | {metric.definition} | {better} | {metric.extra or ''} |\n" in PAGE


@pytest.mark.parametrize("baseline", BASELINES.values(), ids=lambda baseline: baseline.name)
def test_the_tables_have_every_baseline(baseline):
    assert f"| `{baseline.name}` | {baseline.source} | {', '.join(baseline.types) or '-'} |\n" in PAGE
    assert re.search(rf"^\| `{baseline.name}` (\| \d+\.\d ){{7}}\|$", PAGE, flags=re.MULTILINE)


def test_the_example_runs(capsys):
    (script,) = re.findall(r"<!-- run -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(script, {})
    printed = capsys.readouterr().out.split()
    assert printed[::2][:3] == ["psnr", "ssim", "piqe"]
    assert float(printed[1]) > 28


def test_the_script_measures_the_tables_of_the_page(tmp_path):
    write_image(procedural_image(0, (48, 64)), tmp_path / "a.png")
    command = [sys.executable, ROOT / "scripts" / "compare-metrics", tmp_path]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    heads = re.findall(r"^\| (?:PSNR|SSIM|NRMSE|PIQE) \|.*$", printed, flags=re.MULTILINE)
    assert len(heads) == 4
    rows = re.findall(r"^\| ([^|]+) \| \d", printed, flags=re.MULTILINE)
    for line in (*heads, *(f"| {row} |" for row in rows)):
        assert line in PAGE
