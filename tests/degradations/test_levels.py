import dataclasses
import json

import numpy as np
import pytest

from maskdcpt.degradations import (
    CATALOGUE,
    GaussianNoise,
    Haze,
    Level,
    LowLight,
    MotionBlur,
    RainStreak,
    from_dict,
    to_dict,
)
from maskdcpt.errors import UserError

ALL_LEVELS = [level for entry in CATALOGUE for level in entry.levels]


def test_a_level_is_a_value():
    level = Haze(0.08, 0.9)
    assert level == Haze(beta=0.08, airlight=0.9)
    assert level != Haze(0.08, 0.95)
    assert len({level, Haze(0.08, 0.9), Haze(0.1, 0.9)}) == 2
    assert repr(level) == "Haze(beta=0.08, airlight=0.9)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        level.beta = 1.0


def test_whole_and_fractional_spelling_are_the_same_level():
    assert repr(GaussianNoise(25)) == repr(GaussianNoise(25.0)) == repr(GaussianNoise(np.float64(25)))
    assert json.dumps(to_dict(GaussianNoise(25))) == '{"type": "gaussian_noise", "sigma": 25.0}'


def test_zero_has_no_sign():
    assert repr(GaussianNoise(-0.0)) == "GaussianNoise(sigma=0.0)"


def test_every_level_survives_json():
    for level in ALL_LEVELS:
        assert from_dict(json.loads(json.dumps(to_dict(level)))) == level


@pytest.mark.parametrize(
    ("make", "allowed"),
    [
        (lambda: GaussianNoise(-1), r"sigma is -1, but must lie in \[0, 255\]"),
        (lambda: GaussianNoise(256), r"\[0, 255\]"),
        (lambda: GaussianNoise(float("nan")), r"sigma is nan, but must lie in \[0, 255\]"),
        (lambda: Haze(0.1, 1.2), r"haze: airlight is 1.2, but must lie in \[0, 1\]"),
        (lambda: Haze(-0.1, 1), r"haze: beta"),
        (lambda: MotionBlur(0), r"motion_blur: length is 0, but must lie in \[1, 201\]"),
        (lambda: RainStreak(float("inf"), 20), r"rain_streak: density is inf"),
        (lambda: LowLight(0.5), r"low_light: gamma is 0.5, but must lie in \[1, 8\]"),
        (lambda: LowLight("2"), r"gamma is '2', but must be a number"),
        (lambda: LowLight(None), r"gamma is None, but must be a number"),
        (lambda: LowLight(True), r"gamma is True, but must be a number"),
        (lambda: LowLight(10**400), r"gamma is inf, but must lie in \[1, 8\]"),
    ],
)
def test_parameters_out_of_range_are_refused_with_the_range(make, allowed):
    with pytest.raises(UserError, match=allowed):
        make()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"type": "hase", "beta": 0.1, "airlight": 1}, "unknown degradation type 'hase'; did you mean 'haze'?"),
        ({"beta": 0.1, "airlight": 1}, "unknown degradation type ''; known: chain, gaussian_noise"),
        ({"type": "haze", "bete": 0.1, "airlight": 1}, "haze: unknown parameter 'bete'; did you mean 'beta'?"),
        ({"type": "haze", "beta": 0.1}, "haze: parameter 'airlight' is missing"),
        ({"type": "haze", "beta": 0.1, "airlight": 7}, "airlight is 7, but must lie in [0, 1]"),
        ({"type": "haze", "beta": "thick", "airlight": 1}, "beta is 'thick', but must be a number"),
    ],
)
def test_a_wrong_dictionary_is_refused_with_the_nearest(values, message):
    with pytest.raises(UserError) as error:
        from_dict(values)
    assert message in str(error.value)


def test_levels_cannot_be_made_of_the_base_class():
    with pytest.raises(TypeError, match="abstract"):
        Level()
