import json
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import pytest
import torch

from maskdcpt.degradations import CATALOGUE, Catalogue, Chain, Degradation, GaussianNoise, Haze, Level, apply, to_dict
from maskdcpt.degradations.parameters import parameter, parameter_of
from maskdcpt.errors import UserError

each_entry = pytest.mark.parametrize("entry", CATALOGUE, ids=CATALOGUE.names)
KINDS = [entry.only(kind) for entry in CATALOGUE for kind in entry.kinds if entry.only(kind).levels]
each_kind = pytest.mark.parametrize("entry", KINDS, ids=[entry.name for entry in KINDS])


NO_STRENGTH = {"mosaic", "moire", "low_light_weather"}
"""Types whose levels are different, but about equally strong: a Bayer pattern begins in one of four ways, the bands of
moire are wide or narrow, but not deep or shallow, and kinds of weather are combined."""


def psnr(image, reference):
    return float(-10 * torch.log10((image - reference).square().mean()))


def test_there_are_nineteen_types_and_enough_levels():
    assert [entry.label for entry in CATALOGUE] == list(range(19))
    assert sum(len(entry.levels) for entry in CATALOGUE) >= 219


def test_names_labels_and_numbers_of_levels():
    assert {entry.name: (entry.label, len(entry.levels)) for entry in CATALOGUE} == {
        "noise": (0, 33),
        "sensor_noise": (1, 8),
        "motion_blur": (2, 12),
        "defocus_blur": (3, 8),
        "gaussian_blur": (4, 40),
        "jpeg": (5, 18),
        "haze": (6, 35),
        "rain_streak": (7, 12),
        "raindrop": (8, 6),
        "streak_drop": (9, 6),
        "snow": (10, 9),
        "mosaic": (11, 4),
        "low_light": (12, 8),
        "moire": (13, 6),
        "blur_jpeg": (14, 6),
        "blur_rain": (15, 4),
        "low_light_blur": (16, 6),
        "low_light_weather": (17, 7),
        "low_quality": (18, 6),
    }


def test_levels_are_the_grids_of_the_data_set():
    def grid(name):
        levels = [level for entry in CATALOGUE for level in entry.levels if level.type_name == name]
        return [sorted({getattr(level, field.name) for level in levels}) for field in fields(levels[0])]

    assert grid("gaussian_noise") == [[5, 10, 15, 20, 25, 30, 35, 40, 45, 50]]
    assert grid("grey_gaussian_noise") == [[10, 20, 30, 40, 50]]
    assert grid("poisson_noise") == [[0.5, 1, 1.5, 2, 2.5, 3]]
    assert grid("grey_poisson_noise") == [[1, 2, 3]]
    assert grid("salt_pepper_noise") == [[1, 2, 5, 10, 15, 20]]
    assert grid("grey_salt_pepper_noise") == [[2, 10, 20]]
    assert grid("sensor_noise") == [[1, 2, 4, 8, 16, 32, 64, 128]]
    assert grid("motion_blur") == [[5, 9, 13, 17, 21, 25, 29, 33]]
    assert grid("frame_average") == [[7, 11, 15, 21]]
    assert grid("defocus_blur") == [[1, 2, 3, 4, 5, 6, 7, 8]]
    assert [len(values) for values in grid("gaussian_blur")] == [6, 6, 6]
    assert [len(values) for values in grid("sinc_blur")] == [4, 4]
    assert grid("jpeg") == [list(range(10, 96, 5))]
    assert grid("haze") == [[0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.2], [0.8, 0.85, 0.9, 0.95, 1]]
    assert [len(values) for values in grid("rain_streak")] == [3, 4]
    assert grid("low_light") == [[1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]]
    assert grid("moire") == [[6, 10, 16, 26, 42, 64]]


def test_no_two_entries_or_levels_are_alike():
    for values in (CATALOGUE.names, [entry.label for entry in CATALOGUE], [entry.title for entry in CATALOGUE]):
        assert len(set(values)) == len(CATALOGUE)
    levels = [level for entry in CATALOGUE for level in entry.levels]
    assert len(set(levels)) == len(levels)


def test_the_noise_of_the_out_of_distribution_test_is_not_trained_on():
    noise = CATALOGUE["gaussian_noise"]
    assert max(level.sigma for level in noise.levels) == 50
    assert {level.sigma for level in noise.held_out} == {60, 75}


@each_entry
def test_every_parameter_is_explained(entry):
    for kind in entry.kinds:
        assert kind.title
        for field in fields(kind):
            parameter = parameter_of(field)
            assert parameter.unit or len(parameter.options) > 1


def test_look_up():
    assert CATALOGUE["haze"].name == "haze"
    assert "haze" in CATALOGUE
    assert "fog" not in CATALOGUE
    assert [entry.name for entry in CATALOGUE] == list(CATALOGUE.names)
    assert "low_light" in repr(CATALOGUE)
    with pytest.raises(UserError, match="unknown degradation 'hace'; did you mean 'haze'"):
        CATALOGUE["hace"]


def test_the_catalogue_cannot_be_changed():
    with pytest.raises(AttributeError):
        CATALOGUE.names = ()
    with pytest.raises(TypeError):
        CATALOGUE["haze"] = CATALOGUE["low_light"]
    with pytest.raises(AttributeError):
        CATALOGUE["haze"].label = 3


def test_a_level_knows_its_type_also_off_the_grid():
    assert CATALOGUE.types_of(Haze(0.0123, 0.5)) == (CATALOGUE["haze"],)
    with pytest.raises(UserError, match="belongs to no degradation"):
        Catalogue(CATALOGUE["haze"]).types_of(GaussianNoise(3))


@dataclass(frozen=True)
class Posterise(Level):
    type_name: ClassVar[str] = "posterise"
    title: ClassVar[str] = "Posterisation"

    bits: int = parameter(1, 8, "per channel", whole=True)

    def degrade(self, image, rng):
        assert image.flags.c_contiguous
        steps = 2**self.bits - 1
        return np.round(image * steps) / steps


POSTERISE = Degradation(
    name="posterise",
    label=19,
    title="Posterisation",
    levels=tuple(Posterise(bits) for bits in (6, 4, 2)),
)


def test_a_new_type_is_one_class_and_one_entry(photos):
    catalogue = Catalogue(*CATALOGUE, POSTERISE)
    level = catalogue["posterise"].levels[-1]
    assert catalogue.types_of(level) == (POSTERISE,)
    assert catalogue.from_dict(json.loads(json.dumps(to_dict(level)))) == level
    assert to_dict(level) == {"type": "posterise", "bits": 2}
    assert len(apply(photos[0], level).unique()) <= 4
    assert torch.equal(apply(photos[0].mT, level), apply(photos[0].mT.contiguous(), level))
    with pytest.raises(UserError, match=r"bits is 9, but must lie in \[1, 8\]"):
        Posterise(9)
    with pytest.raises(UserError, match=r"bits is 2\.5, but must be an integer"):
        Posterise(2.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "haze"}, "name 'haze' occurs twice"),
        ({"label": 6}, "label 6 occurs twice"),
        ({"levels": (Haze(0.1, 1),)}, "name 'haze' occurs twice"),
        ({"levels": (Chain((Haze(0.1, 1),)),)}, "name 'chain' occurs twice"),
    ],
)
def test_clashes_are_refused(changes, message):
    values = {"name": "x", "label": 19, "title": "X", "levels": (Posterise(1),)} | changes
    with pytest.raises(ValueError, match=message):
        Catalogue(*CATALOGUE, Degradation(**values))


MORE_SEEDS = {"defocus_blur": 30, "blur_jpeg": 30, "blur_rain": 30}
"""Kinds whose random scenes differ by more than their neighbouring levels."""


@pytest.fixture(scope="module")
def scores(photos):
    """Mean PSNR of each level over photos and seeds."""

    def mean(level):
        seeds = range(MORE_SEEDS.get(level.type_name, 6))
        return np.mean([psnr(apply(photo, level, seed), photo) for photo in photos for seed in seeds])

    return {level: mean(level) for entry in CATALOGUE for level in entry.levels}


TWO_VALUES = {
    ("raindrop", "radius"),
    ("streak_drop", "count"),
    ("blur_jpeg", "length"),
    ("blur_rain", "radius"),
    ("blur_rain", "count"),
    ("low_quality", "scale"),
}
"""Parameters of which the grid has two values, which show the direction but not that it goes on."""


SHAPES = {("gaussian_blur", "family"), ("low_light_blur", "noise")}
"""Parameters that change the damage, but not in strength; noise is little beside the loss of light."""


@each_kind
def test_a_stronger_level_has_a_lower_psnr(entry, scores):
    if entry.name in NO_STRENGTH:
        assert np.ptp([scores[level] for level in entry.levels]) < 3
        return
    for field in fields(entry.levels[0]):
        if (entry.levels[0].type_name, field.name) in SHAPES:
            continue
        # In the order of the catalogue, which is weak to strong, for words too.
        values = list(dict.fromkeys(getattr(level, field.name) for level in entry.levels))
        means = [np.mean([scores[lv] for lv in entry.levels if getattr(lv, field.name) == value]) for value in values]
        assert len(means) == 2 if (entry.name, field.name) in TWO_VALUES else len(means) > 2
        assert np.all(np.diff(means) < 0), (field.name, means)


# A camera at its base ISO is nearly clean, and photos of one are what the classifier has to tell from the rest.
LIGHTER = {"sensor_noise": 42, "gaussian_blur": 50, "jpeg": 40}
"""Types whose weakest level is hardly to be seen: base ISO, kernels narrower than a pixel, and files of quality 95."""


@each_entry
def test_levels_span_a_useful_range(entry, scores):
    weakest, strongest = (pick(scores[level] for level in entry.levels) for pick in (max, min))
    if entry.name in NO_STRENGTH:
        assert 12 < strongest <= weakest < 32
        return
    assert 15 < weakest < LIGHTER.get(entry.name, 36)
    assert 6 < strongest < 25
    assert weakest - strongest > 5


@each_entry
def test_something_of_the_picture_is_always_left(entry, photos):
    for level in entry.levels:
        for seed, photo in enumerate(photos):
            result = apply(photo, level, seed)
            assert ((result > 3 / 255) & (result < 250 / 255)).float().mean() > 0.25, level
            pair = torch.stack([result.mean(0).flatten(), photo.mean(0).flatten()])
            assert torch.corrcoef(pair)[0, 1] > 0.2, level


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("noise", "noise", True),
        ("noise", "gaussian_noise", True),
        ("gaussian_noise", "poisson_noise", False),
        ("noise", "haze", False),
        ("haze", "clean", False),
        ("clean", "clean", True),
    ],
)
def test_a_type_may_be_named_by_a_kind_of_its_levels(name, other, same):
    assert CATALOGUE.name_the_same(name, other) is CATALOGUE.name_the_same(other, name) is same
