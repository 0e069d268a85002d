"""What a run is measured on, and the rows of it."""

import dataclasses

import pytest
import torch

from maskdcpt.config import from_dict, to_dict
from maskdcpt.data import CentralCrops, FolderImages
from maskdcpt.errors import UserError
from maskdcpt.evaluation import INPUT, PROTOCOLS, Row, evaluate, levels_protocol, summarise
from maskdcpt.images import read_image, write_image
from maskdcpt.inference import Restorer
from maskdcpt.training.validation import (
    RESTORED,
    Validation,
    ValidationConfig,
    drop_validation_after,
    open_validation,
    read_validation,
    read_validation_set,
    record_validation,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A protocol of two cases an image."""
    levels = (("gaussian_noise", 4), ("low_light", 2))
    monkeypatch.setitem(PROTOCOLS, "quick", levels_protocol("quick", 1, levels))
    monkeypatch.setitem(PROTOCOLS, "newer", levels_protocol("quick", 2, levels))


@pytest.fixture
def config(images):
    return ValidationConfig(protocol="quick", folder=str(images), images=3, crop=24)


def row(step, psnr=20.0):
    return Row("quick v1", RESTORED, f"image-{step}", "haze", "Haze(1)", psnr, 0.5, "")


def test_a_network_is_measured_as_evaluation_measures(config, images, weights):
    restorer = Restorer.from_pretrained(weights, "cpu")
    rows = Validation(config).measure(restorer, progress=False)
    assert sorted({row.image for row in rows}) == ["0.png", "1.png", "2.png"]

    class Three:
        names = ("0.png", "1.png", "2.png")

        def __getitem__(self, index):
            return CentralCrops(FolderImages(images), 24)[index]

    assert rows == evaluate(PROTOCOLS["quick"], {RESTORED: restorer}, Three(), progress=False)
    assert summarise(rows, RESTORED).psnr != summarise(rows, INPUT).psnr


def test_fewer_images_than_asked_for_are_all_taken_and_whole(config, images):
    whole = dataclasses.replace(config, images=99, crop=0)
    assert Validation(whole).measured_on.images == tuple(f"{index}.png" for index in range(5))


def test_the_set_is_the_same_every_time_and_read_back(config, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    assert read_validation_set(run) is None
    first = open_validation(run, config)
    assert open_validation(run, config).measured_on == first.measured_on == read_validation_set(run)
    assert first.measured_on.difference(read_validation_set(run)) is None


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"crop": 32}, "crop 24 and 32"),
        ({"images": 2}, "3 and 2 images"),
        ({"protocol": "newer"}, "protocol quick v1 and quick v2"),
    ],
)
def test_another_set_is_refused_with_the_difference(config, tmp_path, change, difference):
    open_validation(tmp_path, config)
    before = (tmp_path / "validation.json").read_bytes()
    with pytest.raises(UserError, match=rf"has changed since this run was started \({difference}\)"):
        open_validation(tmp_path, dataclasses.replace(config, **change))
    assert (tmp_path / "validation.json").read_bytes() == before


def test_one_other_pixel_or_name_is_another_set(config, images, tmp_path):
    open_validation(tmp_path, config)
    pixels = read_image(images / "1.png").pixels
    pixels[0, 20, 20] = (pixels[0, 20, 20] + 0.5) % 1
    write_image(pixels, images / "1.png")
    with pytest.raises(UserError, match="images of the same names with other pixels"):
        open_validation(tmp_path, config)
    (images / "1.png").rename(images / "11.png")
    with pytest.raises(UserError, match=r"image 1\.png and 11\.png"):
        open_validation(tmp_path, config)


def test_pixels_outside_of_the_crop_do_not_matter(config, images, tmp_path):
    before = Validation(config).measured_on
    pixels = read_image(images / "1.png").pixels
    pixels[:, 0, 0] = 1 - pixels[:, 0, 0].round()
    write_image(pixels, images / "1.png")
    assert Validation(config).measured_on == before


def test_nothing_is_measured_without_a_protocol(config, tmp_path):
    assert open_validation(tmp_path, dataclasses.replace(config, protocol="none", folder="nowhere")) is None
    assert list(tmp_path.glob("validation*")) == []
    assert from_dict(ValidationConfig, to_dict(ValidationConfig(protocol="none")), where="test").protocol == "none"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"protocol": "synthetic-5"}, "validation.protocol: no protocol is called 'synthetic-5'; did you mean"),
        ({"crop": 5}, "validation.crop"),
        ({"images": 0}, "validation.images is 0"),
        ({"every": -1}, "validation.every is -1"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        ValidationConfig(**wrong)


def test_images_that_cannot_be_measured_are_refused_before_training(config, images, tmp_path):
    write_image(torch.rand(3, 10, 40), images / "0.png")
    with pytest.raises(UserError, match=r"validation: 0\.png: 24 x 10 pixels are too few"):
        open_validation(tmp_path, config)
    (images / "0.png").write_bytes(b"text")
    with pytest.raises(UserError, match=r"validation: .*0\.png: not an image"):
        open_validation(tmp_path, config)


def test_rows_of_a_step_are_there_whole_and_replace_those_of_a_repeated_one(tmp_path):
    assert read_validation(tmp_path) == {}
    for step in (100, 200, 300):
        record_validation(tmp_path, step, [row(step), row(step, 21.0)])
    record_validation(tmp_path, 200, [row(200, 30.0)])
    assert read_validation(tmp_path) == {100: [row(100), row(100, 21.0)], 200: [row(200, 30.0)]}
    drop_validation_after(tmp_path, 150)
    assert list(read_validation(tmp_path)) == [100]


def test_rows_are_read_while_more_are_written(tmp_path):
    record_validation(tmp_path, 100, [row(100)])
    with (tmp_path / "validation.jsonl").open("a") as file:
        file.write('{"step": 200, "proto')
    assert list(read_validation(tmp_path)) == [100]
    (tmp_path / "validation.jsonl").write_text('{"step": 1}\n')
    with pytest.raises(UserError, match="not rows of a validation"):
        read_validation(tmp_path)
