"""``maskdcpt calibrate``: measures, keeps the result beside the weights, and tells what it is worth."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from maskdcpt.backbones import create_backbone
from maskdcpt.images import write_image
from maskdcpt.inference.calibration import CALIBRATION, load_calibration, save_calibration
from maskdcpt.pretraining import save_model


@pytest.fixture
def tiny(tmp_path, weights):
    return shutil.copytree(weights, tmp_path / "weights")


@pytest.fixture(autouse=True)
def small_images(monkeypatch):
    monkeypatch.setattr("maskdcpt.inference.calibrate.CROP", 24)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number in range(20):
        write_image(torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(number)), folder / f"{number}.png")
    return folder


def test_the_command_measures_keeps_and_tells(command, tiny, photos):
    code, out, err = command("calibrate", tiny, "--images", "20")
    assert code == 0, err
    assert out.splitlines()[0].split() == ["flag", "found", "false", "AUROC", "of", "and"]
    assert f"calibration: {tiny / CALIBRATION}" in out
    values = json.loads((tiny / CALIBRATION).read_text())
    assert values["images"] == 20
    assert values["source"] == "embedded images"
    for name in ("clean", "unfamiliar"):
        assert (f"note: {name}: too few are found" in out) == (values[name]["found"] < 0.2)
    code, _, err = command("calibrate", tiny)
    assert (code, err) == (2, f"error: {tiny / CALIBRATION} exists; --force replaces it\n")
    code, out, _ = command("calibrate", tiny, "--data", photos, "--force", "--seed", "1")
    assert code == 0
    values = json.loads((tiny / CALIBRATION).read_text())
    assert (values["images"], values["source"]) == (20, str(photos))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none",), "none: no such file or folder of weights"),
        (("--images", "5"), "embedded images: 5 images, and 20 or more are needed"),
        (("--images", "-1"), "embedded images: 0 images, and 20 or more are needed"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_line(command, tiny, words, message):
    code, out, err = command("calibrate", *(words if words == ("none",) else (tiny, *words)))
    assert (code, out) == (2, "")
    assert message in err
    assert err.splitlines()[-1].startswith("error: ")
    assert not (tiny / CALIBRATION).exists()


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_measured(command, tiny, monkeypatch):
    monkeypatch.setattr("os.access", lambda place, mode: Path(place) != tiny)
    code, out, err = command("calibrate", tiny)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {tiny}: cannot be written to, and a calibration lies beside its weights")


def test_weights_without_a_classifier_are_refused(command, tmp_path, tiny):
    (tmp_path / "plain").mkdir()
    save_model(tmp_path / "plain", create_backbone("nafnet", width=2, encoder_blocks=[1], decoder_blocks=[1]), None)
    code, _, err = command("calibrate", tmp_path / "plain")
    assert (code, err) == (
        2,
        f"error: {tmp_path / 'plain'}: these weights have no classifier; pre-training makes one\n",
    )
    shutil.copy(tiny / "model.safetensors", tmp_path / "alone.safetensors")
    code, _, err = command("calibrate", tmp_path / "alone.safetensors")
    assert code == 2
    assert "a file alone has no classifier; a folder of weights is needed" in err


def test_classify_tells_what_calibrated_weights_say(command, tiny, tmp_path, photos):
    write_image(torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0)), tmp_path / "a.png")
    assert command("calibrate", tiny, "--data", photos)[0] == 0
    measured = load_calibration(tiny)
    for above in (-1000.0, 1000.0):
        sure = {name: replace(getattr(measured, name), threshold=above, found=1.0) for name in ("clean", "unfamiliar")}
        for unfamiliar in (sure["unfamiliar"], None):
            save_calibration(tiny, replace(measured, clean=sure["clean"], unfamiliar=unfamiliar))
            _, out, _ = command("classify", tmp_path / "a.png", "--weights", tiny)
            _, row, _ = command("classify", tmp_path / "a.png", "--weights", tiny, "--json")
            strange = None if unfamiliar is None else above < 0
            clean = above < 0 and not strange
            assert ("; looks clean\n" in out, "; unfamiliar\n" in out) == (clean, strange is True)
            values = json.loads(row)
            assert list(values) == ["image", "types", "clean", "unfamiliar", "reason", "complete"]
            assert (values["clean"], values["unfamiliar"]) == (clean, strange)
            assert values["complete"] is True  # this flag tells, or there is none that it would have to
