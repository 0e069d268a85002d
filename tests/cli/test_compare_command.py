"""``maskdcpt compare``, on runs made by hand and on real ones."""

import dataclasses
import shlex
from pathlib import Path

import pytest

from maskdcpt.backbones import NAFNetConfig
from maskdcpt.data import DataConfig
from maskdcpt.evaluation import PROTOCOLS, levels_protocol
from maskdcpt.pretraining import ClassifierConfig
from maskdcpt.training import FinetuneConfig, PretrainConfig, TrainConfig, finetune, pretrain
from maskdcpt.training.validation import ValidationConfig


def test_a_table_is_printed_and_a_page_written(command, make_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_run("scratch", steps=6, psnr={6: 20.0})
    make_run("tuned", steps=4, init=make_run("pre", steps=2), psnr={4: 21.0})
    code, out, err = command("compare", "scratch", "tuned")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "                 scratch                tuned",
        "steps                  6                2 + 4",
        "time        60.0 seconds  20.0 + 40.0 seconds",
        "parameters         5,759                5,759",
        "",
        "PSNR/SSIM           input       scratch         tuned     dB",
        "haze         15.00/0.5000  20.50/0.5000  21.50/0.5000  +1.00",
        "rain_streak  13.00/0.5000  18.50/0.5000  19.50/0.5000  +1.00",
        "mean         14.00/0.5000  19.50/0.5000  20.50/0.5000  +1.00",
        "protocol quick v1, 2 images",
        "tuned is better than scratch in 4 of 4 cases",
        "page: compare.html",
    ]
    assert "Comparison of scratch, tuned" in (tmp_path / "compare.html").read_text()
    code, _, err = command("compare", "scratch", "tuned")
    assert code == 2
    assert "compare.html exists; --force replaces it" in err
    assert command("compare", "scratch", "tuned", "--force")[0] == 0


def test_different_validations_are_refused_and_no_page_is_written(command, make_run, tmp_path):
    runs = [make_run("a", psnr={4: 20.0}), make_run("b", psnr={4: 20.0}, crop=32)]
    code, out, err = command("compare", *runs, "--out", tmp_path / "page.html")
    assert (code, out) == (2, "")
    assert err.startswith("error: a and b were not measured on the same (crop 24 and 32); ")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()


def test_without_validation_the_output_says_so(command, make_run, tmp_path):
    code, out, _ = command("compare", make_run("a"), make_run("b"), "--out", tmp_path / "page.html")
    assert code == 0
    assert "note: nothing was measured on validation images; only the curves can be compared" in out.splitlines()


def test_the_documentation_does_what_it_says(command, make_run, tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()
    monkeypatch.chdir(tmp_path)
    make_run("runs/scratch", psnr={4: 20.0}, crop=256)
    tuned = make_run("runs/finetune", psnr={4: 20.0}, crop=128)
    words = shlex.split(page.split("```sh\n")[1].splitlines()[0])[1:]
    assert command(*words)[2].strip() in page
    measured_on = (tuned / "validation.json").read_text()
    (tuned / "validation.json").write_text(measured_on.replace("128", "256"))
    assert command(*words)[0] == 0
    assert (tmp_path / "compare.html").is_file()


@pytest.mark.slow
def test_real_runs_pretrained_and_from_scratch(command, tmp_path, monkeypatch):
    monkeypatch.setitem(PROTOCOLS, "quick", levels_protocol("quick", 1, (("haze", 3), ("low_light", 2))))
    backbone = NAFNetConfig(width=4, encoder_blocks=(1, 1), middle_blocks=1, decoder_blocks=(1, 1))
    data = DataConfig(crop=32, workers=0, types=("haze", "low_light"))
    train = TrainConfig(steps=2, batch=2, log_every=1, checkpoint_every=1, device="cpu")
    first = PretrainConfig(backbone=backbone, classifier=ClassifierConfig(blocks=1), data=data, train=train)
    pretrain(first, tmp_path / "pre")
    validation = ValidationConfig(protocol="quick", images=1, crop=32)
    tuned = dataclasses.replace(train, steps=1)
    finetune(
        FinetuneConfig(init=str(tmp_path / "pre"), data=data, train=tuned, validation=validation), tmp_path / "tuned"
    )
    alone = dataclasses.replace(train, steps=3)
    finetune(FinetuneConfig(backbone=backbone, data=data, train=alone, validation=validation), tmp_path / "alone")
    code, out, _ = command("compare", tmp_path / "alone", tmp_path / "tuned", "--out", tmp_path / "page.html")
    assert code == 0
    assert out.splitlines()[1].split() == ["steps", "3", "2", "+", "1"]
    assert any(line.startswith("low_light") for line in out.splitlines())
    page = (tmp_path / "page.html").read_text()
    assert f"<td>init</td><td>not set</td><td>{tmp_path / 'pre'}</td>" in page
