"""Pairs of folders, what cannot be read, and labels of mixtures."""

import re
import shutil

import pytest
import torch

from maskdcpt.data import DataConfig, DegradedCrops, SourceConfig, training_data
from maskdcpt.data.labels import basic_types
from maskdcpt.data.procedural import procedural_image
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.images import write_image


@pytest.fixture
def pairs(tmp_path):
    """Four pairs whose damaged image is the inverse of the clean one; the last is smaller than a crop."""
    for number, size in enumerate([(40, 50), (50, 40), (45, 45), (10, 60)]):
        image = procedural_image(number, size)
        for side, pixels in (("clean", image), ("degraded", 1 - image)):
            (tmp_path / "rain" / side).mkdir(parents=True, exist_ok=True)
            write_image(pixels, tmp_path / "rain" / side / f"{number}.png")
    return tmp_path / "rain"


def config(folder, **values):
    source = SourceConfig(kind="pairs", folder=str(folder), type="rain_streak", **values.pop("source", {}))
    return DataConfig(**{"types": ("rain_streak",), "crop": 24, "workers": 0, "sources": (source,)} | values)


def test_both_images_of_a_pair_are_cut_turned_and_padded_alike(pairs):
    samples = DegradedCrops(training_data(config(pairs)), config(pairs), seed=0)
    padded = 0
    for index in range(60):
        sample = samples[index]
        assert sample.clean.shape == sample.degraded.shape == (3, 24, 24)
        assert torch.allclose(sample.degraded, 1 - sample.clean, atol=1e-6)
        padded += any((sample.clean.diff(dim=axis) == 0).flatten(1).all(0).sum() > 10 * 24 for axis in (1, 2))
    assert padded


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        ("cut", r"degraded/1\.png: the image is damaged or cut short"),
        ("gone", r"degraded/1\.png: no such file"),
        ("text", r"degraded/1\.png: not an image"),
        ("size", r"degraded/1\.png: 30 x 20 pixels, and its clean image has 40 x 50"),
    ],
)
def test_a_pair_that_cannot_be_read_is_named_and_replaced(pairs, harm, problem):
    before = DegradedCrops(training_data(config(pairs)), config(pairs), seed=0)
    whole = [before[index] for index in range(40)]
    data = training_data(config(pairs))
    path = pairs / "degraded" / "1.png"
    content = path.read_bytes()
    path.unlink()
    if harm == "cut":
        path.write_bytes(content[: len(content) // 2])
    if harm == "text":
        path.write_bytes(b"this is text")
    if harm == "size":
        write_image(torch.rand(3, 20, 30), path)
    samples = DegradedCrops(data, config(pairs), seed=0)
    hit = 0
    for index in range(40):
        sample, again = samples[index], samples[index]
        assert torch.equal(sample.degraded, again.degraded)
        assert sample.faults == again.faults
        if not sample.faults:
            assert torch.equal(sample.degraded, whole[index].degraded)
            continue
        hit += 1
        assert not torch.equal(sample.degraded, whole[index].degraded)
        for fault in sample.faults:
            assert (fault.index, fault.source, fault.image) == (index, "rain", "1")
            assert re.search(problem, fault.problem)
    assert 3 <= hit <= 20


def test_a_vanished_folder_is_one_line_that_names_it_and_an_image(pairs):
    samples = DegradedCrops(training_data(config(pairs)), config(pairs), seed=0)
    shutil.rmtree(pairs)
    with pytest.raises(UserError, match=r"^.*/rain: 8 images in a row cannot be read, the last is .*/\d\.png: no such"):
        samples[0]


def test_images_without_a_partner_are_refused(pairs):
    (pairs / "degraded" / "2.png").rename(pairs / "degraded" / "9.png")
    with pytest.raises(UserError, match=r"rain/clean: 1 images have no partner in .*rain/degraded, 2 the first"):
        training_data(config(pairs))
    (pairs / "clean" / "2.png").unlink()
    with pytest.raises(UserError, match=r"rain/degraded: 1 images have no partner in .*rain/clean, 9 the first"):
        training_data(config(pairs))
    shutil.copy(pairs / "clean" / "0.png", pairs / "clean" / "0.bmp")
    with pytest.raises(UserError, match=r"0\.bmp and 0\.png have one name apart from the suffix"):
        training_data(config(pairs))


def test_other_names_of_the_two_folders(pairs):
    (pairs / "clean").rename(pairs / "gt")
    (pairs / "degraded").rename(pairs / "lq")
    named = config(pairs, source={"clean": "gt", "degraded": "lq", "name": "drizzle", "repeat": 300})
    assert training_data(named).names == [f"drizzle/{number} rain_streak" for number in range(4)]


def test_classes_are_types_or_what_they_are_mixed_of():
    types = ("low_light_weather", "jpeg", "blur_jpeg", "low_quality", "streak_drop", "gaussian_noise")
    assert DataConfig(types=types).classes == types
    assert DataConfig(types=types, labels="multi").classes == (
        "noise",
        "motion_blur",
        "gaussian_blur",
        "jpeg",
        "haze",
        "rain_streak",
        "raindrop",
        "snow",
        "low_light",
    )


def test_labels_of_mixtures_mark_what_is_in_them(pairs):
    types = ("low_light_weather", "low_light_blur")
    mixed = DataConfig(folder=str(pairs / "clean"), types=types, labels="multi", crop=24, workers=0)
    samples = DegradedCrops(training_data(mixed), mixed, seed=0)
    seen = {tuple(name for name, mark in zip(mixed.classes, samples[i].label, strict=True) if mark) for i in range(120)}
    assert samples[0].label.dtype == torch.float32
    wanted = {
        tuple(entry.name for entry in CATALOGUE.basic_types(level))
        for name in mixed.types
        for level in CATALOGUE[name].levels
    }
    assert seen == wanted
    assert ("sensor_noise", "motion_blur", "low_light") in wanted
    assert ("haze", "low_light") in wanted


def test_pairs_of_a_mixture_say_what_is_in_them(pairs):
    values = {"kind": "pairs", "folder": str(pairs), "type": "low_light_weather"}
    unsaid = DataConfig(types=("low_light_weather",), labels="multi", crop=8, sources=(SourceConfig(**values),))
    with pytest.raises(UserError, match=r"'low_light_weather' is a mixture of one kind or another; types says"):
        training_data(unsaid)
    source = SourceConfig(**values, types=("low_light", "haze"))
    said = DataConfig(types=("low_light_weather",), labels="multi", crop=8, sources=(source,))
    assert said.classes == ("haze", "rain_streak", "snow", "low_light")
    assert DegradedCrops(training_data(said), said, seed=0)[3].label.tolist() == [1, 0, 0, 1]


def test_every_type_is_a_mixture_of_basic_ones():
    for entry in CATALOGUE:
        for level in entry.levels:
            basic = CATALOGUE.basic_types(level)
            assert basic
            assert (entry in basic) == (len(basic) == 1), level
    assert basic_types("streak_drop") == ("rain_streak", "raindrop")
    with pytest.raises(UserError, match="low_light_blur"):
        basic_types("low_light_blur")
