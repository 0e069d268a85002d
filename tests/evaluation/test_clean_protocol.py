"""Clean images are measured too: how well they are given back, and whether they are named clean."""

import csv
import json
import math
import shutil

import pytest
import torch

from maskdcpt import Restorer
from maskdcpt.data import central_crop
from maskdcpt.data.labels import class_title
from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import read_image, write_image
from maskdcpt.metrics import psnr


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        write_image(procedural_image(seed, (40, 48)), folder / f"{seed}.png")
    return folder


def test_what_is_given_back_is_compared_with_the_image_itself(command, universal_weights, photos, tmp_path):
    words = ("--data", photos, "--weights", universal_weights, "--metrics", "psnr", "--no-efficiency", "--crop", "24")
    code, out, _ = command("evaluate", "--protocol", "clean", *words, "--out", tmp_path / "out")
    assert code == 0
    assert out.splitlines()[0].split() == ["PSNR", "input", universal_weights.name]
    assert "images named rightly" in out
    assert "inf dB" not in out, "there is no difference from a perfect image"
    assert "(not all of it)" in out
    restorer = Restorer.from_pretrained(universal_weights, "cpu")
    rows = list(csv.DictReader((tmp_path / "out" / "rows.csv").read_text().splitlines()))
    assert len(rows) == 4
    for row in rows:
        clean = central_crop(read_image(photos / row["image"]).pixels, 24)
        assert row["type"] == "clean"
        if row["arm"] == "input":
            assert float(row["value"]) == math.inf
        else:
            restored, types = restorer.restore_and_classify(clean)
            assert float(row["value"]) == pytest.approx(psnr(restored, clean).item(), abs=1e-3)
            assert row["predicted"] == next(iter(types))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["crop"] == 24
    assert summary["whole"] is False
    named = summary["named"][universal_weights.name]
    assert named["known"] == 2, "weights that know clean images are asked for them"


def test_weights_that_do_not_know_clean_images_are_not_asked_for_them(command, weights, photos, tmp_path):
    words = ("--data", photos, "--weights", weights, "--metrics", "psnr", "--no-efficiency")
    code, out, _ = command("evaluate", "--protocol", "clean", *words, "--out", tmp_path / "out")
    assert code == 0
    assert "named rightly" not in out


@pytest.mark.parametrize("side", ["0", "10", "-1"])
def test_a_middle_too_small_to_measure_is_refused(command, photos, tmp_path, side):
    code, _, err = command("evaluate", "--protocol", "clean", "--data", photos, "--crop", side, "--out", tmp_path / "o")
    assert (code, err.count("\n")) == (2, 1)
    assert "--crop is" in err


def test_damage_taken_for_none_is_named_wrongly(command, universal_weights, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(Restorer, "restore_and_classify", lambda self, image: (image, {"clean": 1.0}))
    words = ("--data", photos, "--weights", universal_weights, "--metrics", "psnr", "--no-efficiency", "--images", "1")
    code, out, _ = command("evaluate", *words, "--out", tmp_path / "out")
    assert code == 0
    assert f"{universal_weights.name}: 0% of 15 images named rightly" in out
    named = json.loads((tmp_path / "out" / "summary.json").read_text())["named"][universal_weights.name]
    assert named["counts"]["haze"] == {"clean": 3}


def test_classes_have_titles():
    assert [class_title(name) for name in ("clean", "haze", "lens_flare")] == ["No damage", "Haze", "Lens flare"]


def test_real_photos_may_be_named_clean(command, universal_weights, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(Restorer, "classify", lambda self, image: {"clean": 1.0})
    words = ("--out", tmp_path / "page.html", "--data", photos, "--weights", universal_weights)
    code, out, err = command("realism", f"haze={photos}", *words)
    assert code == 0, err
    assert "Haze: named No damage 2" in out


def test_clean_images_are_calibrated_with_the_class(command, universal_weights, tmp_path, monkeypatch):
    monkeypatch.setattr("maskdcpt.inference.calibrate.CROP", 24)
    folder = shutil.copytree(universal_weights, tmp_path / "weights")
    code, _, err = command("calibrate", folder, "--images", "20")
    assert code == 0, err
    restorer = Restorer.from_pretrained(folder, "cpu")
    assert restorer.calibration.classes[-1] == "clean"
    assert restorer.calibration.unfamiliar is None, "all types are known"
    verdict = restorer.examine(torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0)))
    assert "clean" in verdict.types
    assert verdict.complete
