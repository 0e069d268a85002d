from itertools import pairwise

import numpy as np
import pytest
import torch

from maskdcpt.degradations import CATALOGUE, RainStreak, apply
from maskdcpt.degradations.rain import RAIN_LAYERS, draw_streaks

BLACK = torch.zeros(3, 160, 160)


@pytest.fixture(scope="module")
def rain():
    """Rain over black, one channel, for many seeds: (n, 160, 160)."""
    return torch.stack([RainStreak(35, 36)(BLACK, np.random.default_rng(seed))[0] for seed in range(40)])


def test_rain_is_grey_and_brightens_what_is_dark():
    result = apply(BLACK, RainStreak(35, 36))
    assert torch.equal(result[0], result[1])
    assert torch.equal(result[0], result[2])
    assert result.max() > 0.3


def test_rain_is_transparent(photos):
    rng = np.random.default_rng
    for seed in range(5):
        dark, bright = (RainStreak(80, 52)(torch.full((3, 64, 64), v), rng(seed)) for v in (0.0, 1.0))
        passing = bright - dark
        assert passing.min() > 0.02
        assert passing.max() <= 1
        mixed = RainStreak(80, 52)(torch.full((3, 64, 64), 0.25), rng(seed))
        assert torch.allclose(mixed, dark + 0.25 * passing, atol=1e-5)


def test_streaks_fall_near_the_vertical(rain):
    across = rain.diff(dim=2).square().mean()
    down = rain.diff(dim=1).square().mean()
    assert across > 3 * down


def test_the_direction_changes_from_picture_to_picture(rain):
    def slant(picture):
        y, x = torch.gradient(picture)
        return float((x * y).mean() / x.square().mean())

    slants = [slant(picture) for picture in rain]
    assert min(slants) < -0.1
    assert max(slants) > 0.1


def test_most_places_stay_clear_in_weak_rain():
    weak = apply(BLACK, CATALOGUE["rain_streak"].levels[0])
    assert (weak < 0.05).float().mean() > 0.8


@pytest.mark.parametrize("length", [16, 52])
def test_the_amount_of_rain_is_per_area_and_even_up_to_the_border(length):
    large = torch.zeros(3, 256, 128)

    def amounts(image):
        rains = [RainStreak(80, length)(image, np.random.default_rng(seed))[0] for seed in range(60)]
        return torch.stack(rains).mean(0).numpy()

    over_large, over_small = amounts(large), amounts(torch.zeros(3, 64, 96))
    assert over_small.mean() == pytest.approx(over_large.mean(), rel=0.1)
    inside = over_large[40:-40, 40:-40].mean()
    for border in (over_large[:8], over_large[-8:], over_large[:, :8], over_large[:, -8:]):
        assert border.mean() == pytest.approx(inside, rel=0.15)


def test_lines_have_the_length_and_number_asked_for():
    rng = np.random.default_rng(0)
    density, length = 20, 30
    total = np.mean([draw_streaks((200, 300), density, length, 0.1, rng).sum() for _ in range(40)])
    # Mean strength is 0.6, and the soft ends take a fifth of the length.
    assert total == pytest.approx(density * 6 * length * 0.6 * 0.8, rel=0.05)


def test_near_drops_are_fewer_longer_and_wider():
    for near, far in pairwise(RAIN_LAYERS):
        assert near.scale > far.scale
        assert near.share < far.share
        assert near.blur > far.blur
        assert near.opacity > far.opacity


def test_no_drops_are_no_change(photos):
    assert torch.equal(apply(photos[0], RainStreak(0, 30)), photos[0].mul(255).round() / 255)
