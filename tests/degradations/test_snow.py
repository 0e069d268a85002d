from itertools import pairwise

import numpy as np
import pytest
import torch

from maskdcpt.degradations import CATALOGUE, Snow, apply
from maskdcpt.degradations.snow import SNOW_LAYERS, draw_flakes

BLACK = torch.zeros(3, 160, 160)
each_layer = pytest.mark.parametrize("name", SNOW_LAYERS)


def test_snow_is_white_on_dark_and_hardly_seen_on_white():
    for level in CATALOGUE["snow"].levels:
        dark, white = apply(BLACK, level), apply(torch.ones(3, 160, 160), level)
        assert torch.equal(dark[0], dark[1])
        assert torch.equal(dark[0], dark[2])
        assert dark.max() > 0.7
        assert dark.mean() > 10 * (1 - white).mean()
        assert white.min() > 0.9


def test_snow_is_transparent():
    for seed in range(5):
        dark, bright, mixed = (
            Snow("large", 50)(torch.full((3, 64, 64), value), np.random.default_rng(seed)) for value in (0.0, 1.0, 0.25)
        )
        passing = bright - dark
        assert passing.min() > -1e-6
        assert passing.max() < 1
        assert torch.allclose(mixed, dark + 0.25 * passing, atol=1e-5)


@each_layer
def test_the_amount_of_snow_is_per_area_and_even_up_to_the_border(name):
    layer = SNOW_LAYERS[name]

    def amounts(area):
        return np.mean(
            [draw_flakes(area, layer, 60, 0.4, 5, np.random.default_rng(seed)) for seed in range(150)], axis=0
        )

    over_large, over_small = amounts((192, 128)), amounts((64, 96))
    assert over_small.mean() == pytest.approx(over_large.mean(), rel=0.1)
    inside = over_large[20:-20, 20:-20].mean()
    for border in (over_large[:3], over_large[-3:], over_large[:, :3], over_large[:, -3:]):
        assert border.mean() == pytest.approx(inside, rel=0.15)


@each_layer
def test_flakes_have_the_number_and_area_asked_for(name):
    layer, rng = SNOW_LAYERS[name], np.random.default_rng(0)
    total = np.mean([draw_flakes((200, 300), layer, 20, 0.3, 3, rng).sum() for _ in range(100)])
    # Mean strength 0.6; parts blurred by 1 and scattered by 0.8, which varies from flake to flake.
    area = 2 * np.pi * layer.blur**2 * (1 + 0.8**2 * np.exp(2 * 0.4**2))
    assert total == pytest.approx(120 * 0.6 * -np.log(1 - layer.opacity) * area, rel=0.1)


def width(size):
    """Distance at which the mean autocorrelation of snow over black has fallen to a half."""
    power = np.zeros((160, 160))
    for seed in range(20):
        snow = Snow(size, 50)(BLACK, np.random.default_rng(seed))[0].numpy()
        power += np.abs(np.fft.fft2(snow - snow.mean())) ** 2
    correlation = np.fft.ifft2(power).real
    return np.sqrt(np.sum(correlation > correlation.max() / 2) / np.pi)


def test_sizes_differ_in_the_size_of_the_flakes():
    small, medium, large = (width(size) for size in ("small", "medium", "large"))
    assert small > 0.7
    assert medium > 1.2 * small
    assert large > 1.2 * medium


def test_near_flakes_are_fewer_larger_and_more_transparent():
    for far, near in pairwise(SNOW_LAYERS.values()):
        assert near.blur > far.blur
        assert near.share < far.share
        assert near.opacity < far.opacity


@each_layer
def test_motion_draws_flakes_out_along_the_fall_and_thins_them(name):
    def draw(speed):
        rng = np.random.default_rng(1)
        return np.stack([draw_flakes((160, 160), SNOW_LAYERS[name], 5, 0.0, speed, rng) for _ in range(20)])

    resting, falling = draw(0), draw(12)
    across, down = (np.square(np.diff(falling, axis=axis)).mean() for axis in (2, 1))
    assert across > 2.5 * down
    assert np.square(np.diff(resting, axis=2)).mean() < 1.3 * np.square(np.diff(resting, axis=1)).mean()
    assert falling.mean() == pytest.approx(resting.mean(), rel=0.2)
    assert np.quantile(falling, 0.999) < 0.7 * np.quantile(resting, 0.999)


def test_the_direction_changes_from_picture_to_picture():
    def slant(seed):
        y, x = np.gradient(Snow("small", 50)(BLACK, np.random.default_rng(seed))[0].numpy())
        return (x * y).mean() / np.hypot(x, y).var()

    slants = [slant(seed) for seed in range(40)]
    assert min(slants) < -0.1
    assert max(slants) > 0.1


def test_no_flakes_are_no_change(photos):
    assert torch.equal(apply(photos[0], Snow("large", 0)), photos[0].mul(255).round() / 255)
