"""The demo, whole, on a recipe that takes seconds."""

import base64
import re

import pytest
import torch

from maskdcpt import recipes
from maskdcpt.demo import run_demo, write_demo_report
from maskdcpt.demo.samples import Sample
from maskdcpt.evaluation import PROTOCOLS, levels_protocol
from maskdcpt.reports import picture
from maskdcpt.training import read_metrics

RECIPE = """
[backbone]
name = "nafnet"
width = 4
encoder_blocks = [1, 1]
middle_blocks = 1
decoder_blocks = [1, 1]
[data]
crop = 32
workers = 0
[train]
steps = {steps}
batch = 2
log_every = 1
checkpoint_every = 2
device = "cpu"
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Makes `tiny` the name of a recipe, and the measurement short."""
    (tmp_path / "pretrain-tiny.toml").write_text(RECIPE.format(steps=3))
    (tmp_path / "finetune-tiny.toml").write_text(RECIPE.format(steps=4) + "[validation]\ncrop = 48\n")
    monkeypatch.setattr(recipes, "_folder", lambda: tmp_path)
    levels = (("haze", 3), ("gaussian_noise", 5), ("low_light", 2))
    monkeypatch.setitem(PROTOCOLS, "synthetic-5d", levels_protocol("synthetic-5d", 0, levels))


@pytest.fixture
def result(tiny, tmp_path):
    lines = []
    made = run_demo(tmp_path / "out", "tiny", None, say=lines.append)
    assert [line[:3] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    return made


@pytest.mark.slow
def test_both_arms_take_the_same_steps_and_are_measured_on_the_same_cases(result):
    steps = {run.name: read_metrics(run)[-1]["step"] for run in (result.pretraining, result.finetuning, result.scratch)}
    assert steps == {"pretrain": 3, "finetune": 4, "scratch": 7}
    cases = {
        arm: {(r.image, r.type, r.level) for r in result.rows if r.arm == arm} for arm in ("input", "from scratch")
    }
    assert cases["input"] == cases["from scratch"]
    assert len(result.rows) == 3 * 3 * 9
    assert len(list(result.restored.glob("*.png"))) == len(list(result.damaged.glob("*.png"))) == 3 * 3


@pytest.mark.slow
def test_the_page_is_whole_and_tells_what_was_measured(result, tmp_path):
    sample = Sample("Snow: a cat", "Haze (51%)", (20.0, 21.0), [picture("damaged", torch.rand(3, 8, 8))])
    page = write_demo_report(result, [sample], tmp_path / "report.html").read_text()
    assert page.index("Snow: a cat; named Haze (51%)") < page.index("with and without pre-training")
    assert not re.search(r'(src|href)="(?!data:)', page), "everything lies inside the file"
    assert "<script" not in page
    assert 'name="viewport"' in page
    pictures = re.findall(r'src="data:image/(?:webp|svg\+xml);base64,([^"]+)"', page)
    assert len(pictures) == 3 * 3 + 3 + 1 + 3 + 1
    assert all(base64.b64decode(picture, validate=True) for picture in pictures)
    mean = sum(row.psnr for row in result.rows if row.arm == "pre-trained") / 27
    assert f"{mean:.2f}" in page
    for title in ("Haze", "Low light", "from scratch", "pre-trained"):
        assert title in page


@pytest.mark.slow
def test_a_second_run_finds_everything_done(result, tiny, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("model.safetensors")}
    again = run_demo(tmp_path / "out", "tiny", None, say=lambda _: None)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("model.safetensors")} == before
    assert again.rows == result.rows
