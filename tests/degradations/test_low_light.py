import numpy as np
import pytest
import torch

from maskdcpt.degradations import CATALOGUE, LowLight, apply
from maskdcpt.degradations.low_light import READ_DEVIATION, SHOT_VARIANCE
from maskdcpt.degradations.transfer import to_linear

GAMMAS = [level.gamma for level in CATALOGUE["low_light"].levels]


def test_each_step_is_darker(photos):
    for photo in photos:
        means = [float(apply(photo, LowLight(gamma), seed=0).mean()) for gamma in [1, *GAMMAS]]
        assert means[0] == pytest.approx(float(photo.mean()), rel=0.2)
        assert np.all(np.diff(means) < 0)
        assert 0.005 < means[-1] < 0.2


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_illumination_follows_the_curve(gamma):
    ramp = torch.linspace(0.4, 1, 200).expand(3, 400, 200).contiguous()
    dark = to_linear(LowLight(gamma)(ramp, np.random.default_rng(3)).numpy()).max(axis=0).mean(axis=0)
    expected = to_linear((ramp[0, 0].numpy()) ** np.float32(gamma))
    exposure = dark[-1] / expected[-1]
    assert 0.9**2.4 * 2 ** ((1 - gamma) / 6 * 2.4) * 0.9 < exposure <= 1.1
    # The exposure scales encoded values, so it is compared where the transfer curve is a power.
    assert dark[100:] / dark[-1] == pytest.approx(expected[100:] / expected[-1], abs=0.05)


def test_noise_is_that_of_photons_and_reading_at_the_raised_gain():
    for gamma in (1.5, 2.5, 3.5):
        image = torch.full((3, 300, 300), 0.9)
        light = to_linear(LowLight(gamma)(image, np.random.default_rng(1)).numpy()).astype(np.float64)
        gain = 2 ** (gamma - 1)
        for channel in light:
            expected = gain * SHOT_VARIANCE * channel.mean() + (gain * READ_DEVIATION) ** 2
            assert channel.var() == pytest.approx(expected, rel=0.03)


def test_in_the_dark_there_is_the_noise_of_reading():
    for gamma in (1.5, 3, 5):
        light = to_linear(LowLight(gamma)(torch.zeros(3, 200, 200), np.random.default_rng(1)).numpy())
        # Light cannot be negative: what is left of Gaussian noise cut off at 0 has this mean.
        assert light.mean() == pytest.approx(2 ** (gamma - 1) * READ_DEVIATION / np.sqrt(2 * np.pi), rel=0.03)


def test_noise_is_independent_between_channels():
    light = to_linear(LowLight(2)(torch.full((3, 200, 200), 0.9), np.random.default_rng(1)).numpy())
    assert np.abs(np.corrcoef(light.reshape(3, -1)) - np.eye(3)).max() < 4 / 200


def test_visible_noise_grows_as_light_fails():
    def relative_noise(gamma):
        light = to_linear(LowLight(gamma)(torch.full((3, 100, 100), 0.8), np.random.default_rng(1)).numpy())
        return float(light.std(axis=(1, 2)).mean() / light.mean())

    assert np.all(np.diff([relative_noise(gamma) for gamma in GAMMAS]) > 0)


def test_colours_keep_their_order_and_shift_a_little():
    colour = torch.tensor([0.9, 0.6, 0.3]).reshape(3, 1, 1).expand(3, 60, 60).contiguous()
    ratios = []
    for seed in range(30):
        red, green, blue = LowLight(2)(colour, np.random.default_rng(seed)).mean(dim=(1, 2)).tolist()
        assert red > green > blue
        ratios.append(green / red)
    assert np.mean(ratios) == pytest.approx(0.6 / 0.9, abs=0.05)
    assert 0.01 < np.std(ratios) < 0.1


def test_black_stays_near_black():
    assert apply(torch.zeros(3, 64, 64), LowLight(5)).mean() < 0.05
