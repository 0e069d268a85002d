"""``maskdcpt classify``: one line an image, best guess first."""

import json

import pytest
import torch

import maskdcpt
from maskdcpt.images import write_image
from maskdcpt.inference import Restorer
from maskdcpt.pretraining import save_model


@pytest.fixture
def photos(tmp_path):
    generator = torch.Generator().manual_seed(0)
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for name in ("a.png", "trip/b.png"):
        write_image(torch.rand(3, 12, 9, generator=generator), folder / name)
    return folder


def test_a_file_is_one_line_best_first(command, weights, photos):
    code, out, err = command("classify", photos / "a.png", "--weights", weights)
    assert (code, err) == (0, "")
    found = Restorer.from_pretrained(weights).classify(photos / "a.png")
    guesses = ", ".join(f"{name} {100 * probability:.1f}%" for name, probability in found.items())
    assert out == f"{photos / 'a.png'}: {guesses}\n"
    assert len(found) == 5


def test_json_lines_can_be_read_by_machines(command, weights, photos):
    code, out, err = command("classify", photos, "--json", "--weights", weights)
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["image"] for row in rows] == [str(photos / "a.png"), str(photos / "trip" / "b.png")]
    for row in rows:
        assert row["types"] == Restorer.from_pretrained(weights).classify(row["image"])
        assert sum(row["types"].values()) == pytest.approx(1)


def test_files_that_are_no_images_are_counted_apart_from_the_lines(command, weights, photos):
    (photos / "trip" / "clip.mov").touch()
    code, out, err = command("classify", photos, "--json", "--weights", weights)
    assert code == 0
    assert len([json.loads(line) for line in out.splitlines()]) == 2
    assert err == f"{photos}: 1 file was left out, hidden or no images by their suffix: .mov 1\n"


def test_a_broken_file_in_a_folder_leaves_exit_code_1(command, weights, photos):
    (photos / "bad.png").write_text("text")
    code, out, err = command("classify", photos, "--weights", weights)
    assert code == 1
    assert len(out.splitlines()) == 2
    assert err.startswith(f"error: {photos / 'bad.png'}: not an image")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bad.png", "bad.png: not an image that can be read"),
        ("none.png", "none.png: no such file"),
        ("empty", "empty: no images here"),
    ],
)
def test_bad_input_is_exit_code_2_and_one_line(command, tmp_path, weights, name, message):
    (tmp_path / "bad.png").write_text("text")
    (tmp_path / "empty").mkdir()
    code, out, err = command("classify", tmp_path / name, "--weights", weights)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("source", ["a.png", "."])
def test_weights_without_a_classifier_are_refused_once(command, tmp_path, photos, source):
    save_model(tmp_path, maskdcpt.create_backbone("nafnet", width=2, encoder_blocks=[1], decoder_blocks=[1]), None)
    code, out, err = command("classify", photos / source, "--weights", tmp_path)
    assert (code, out) == (2, "")
    assert err == f"error: {tmp_path}: these weights have no classifier; pre-training makes one\n"
