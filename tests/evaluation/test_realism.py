"""Statistics that hold synthetic damage against real damage."""

import numpy as np
import pytest
import torch

from maskdcpt.data import sample_photo
from maskdcpt.degradations import GaussianNoise, Haze, MotionBlur, apply
from maskdcpt.evaluation.realism import BINS, NOISE_BINS, STEPS, distances, statistics


@pytest.fixture(scope="module")
def photo():
    return sample_photo("astronaut")[:, 100:356, 100:356]


def test_shares_are_those_of_a_known_picture():
    ramp = (torch.arange(256) / 255).expand(3, 40, 256).contiguous()
    found = statistics([ramp])
    # Eight of 256 values in each of 32 bins.
    assert found.brightness == pytest.approx(np.full(BINS, 1 / BINS), abs=1e-3)
    # Half of the neighbours differ by 1/255, across, and half by nothing, down.
    across, down = 40 * 255, 39 * 256
    assert found.differences[:2] == pytest.approx(np.array([down, across]) / (across + down))
    assert found.differences[2:].sum() == 0
    for row in (found.brightness, found.differences, found.dark_channel):
        assert row.sum() == pytest.approx(1)


@pytest.mark.parametrize("sigma", [3, 8, 20])
def test_noise_is_estimated_at_each_brightness(sigma):
    steps = torch.linspace(0.1875, 0.8125, 6).repeat_interleave(128).expand(3, 128, 768).contiguous()
    noisy = apply(steps, GaussianNoise(sigma), seed=1)
    noise = statistics([noisy]).noise
    # Luma averages the independent noise of the channels; the calmest tenth of blocks lies below the mean.
    expected = sigma * np.sqrt(0.299**2 + 0.587**2 + 0.114**2)
    told = noise[np.isfinite(noise)]
    assert len(told) >= 6
    assert np.all(told < expected)
    assert np.all(told > 0.7 * expected)


def test_smooth_structure_is_no_noise():
    slope = torch.linspace(0, 1, 512).expand(3, 128, 512).contiguous()
    noise = statistics([slope]).noise
    assert np.nanmax(noise) < 0.01


def test_images_count_alike_whatever_their_size(photo):
    grey = torch.full((3, 8, 8), 0.5)
    both = statistics([photo, grey])
    alone = [statistics([each]) for each in (photo, grey)]
    assert both.brightness == pytest.approx((alone[0].brightness + alone[1].brightness) / 2)


def test_distances_are_zero_to_itself_and_grow_with_the_damage(photo):
    clean = statistics([photo])
    assert distances(clean, clean) == pytest.approx((0, 0, 0, 0))
    for level, field in ((Haze, "dark_channel"), (MotionBlur, "differences"), (GaussianNoise, "noise")):
        grid = {Haze: [(0.05, 0.9), (0.2, 0.9)], MotionBlur: [(5,), (33,)], GaussianNoise: [(5,), (50,)]}[level]
        weak, strong = (getattr(distances(clean, statistics([apply(photo, level(*values))])), field) for values in grid)
        assert 0 < weak < strong


def test_the_earth_is_moved_as_far_as_the_picture_brightens():
    dark, bright = (statistics([torch.full((3, 32, 32), value)]) for value in (0.25, 0.75))
    assert distances(dark, bright).brightness == pytest.approx(0.5)
    assert distances(dark, bright).dark_channel == pytest.approx(0.5)


def test_tiny_pictures_have_statistics():
    found = statistics([torch.full((3, 1, 1), 0.5)])
    assert found.brightness.sum() == 1
    assert np.isnan(found.noise).all()
    assert len(found.noise) == NOISE_BINS
    assert len(found.differences) == len(STEPS) - 1
