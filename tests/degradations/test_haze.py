import numpy as np
import pytest
import torch

from maskdcpt.degradations import CATALOGUE, Haze
from maskdcpt.degradations.depth import synthesise_depth
from maskdcpt.degradations.haze import scatter


@pytest.mark.parametrize("level", CATALOGUE["haze"].levels)
def test_haze_is_the_scattering_model(level, rng):
    image = rng.random((3, 20, 30))
    depth = rng.uniform(0, 30, size=(20, 30))
    transmission = np.exp(-level.beta * depth)
    expected = image * transmission + level.airlight * (1 - transmission)
    hazy = scatter(image.astype(np.float32), depth.astype(np.float32), level.beta, level.airlight)
    assert hazy.dtype == np.float32
    assert np.abs(hazy - expected).max() < 1e-6


def test_near_is_clear_and_far_is_airlight():
    image = np.full((3, 1, 2), 0.25, dtype=np.float32)
    hazy = scatter(image, np.array([[0, 1e6]], dtype=np.float32), 0.04, 0.9)
    assert np.allclose(hazy[:, 0, 0], 0.25)
    assert np.allclose(hazy[:, 0, 1], 0.9)


def test_a_level_scatters_over_one_depth_for_all_channels(photos):
    level = Haze(0.1, 0.95)
    depth = synthesise_depth(96, 96, np.random.default_rng(7))
    expected = scatter(photos[0].numpy(), depth, 0.1, 0.95)
    assert np.array_equal(level(photos[0], np.random.default_rng(7)).numpy(), expected.clip(0, 1))


def test_no_scattering_is_no_change(photos, rng):
    assert torch.allclose(Haze(0, 1)(photos[0], rng), photos[0], atol=1e-6)


@pytest.fixture(scope="module")
def depths():
    return [synthesise_depth(120, 160, np.random.default_rng(seed)) for seed in range(60)]


def test_depth_is_in_metres_of_a_scene(depths):
    assert all(depth.shape == (120, 160) and depth.dtype == np.float32 for depth in depths)
    assert min(depth.min() for depth in depths) > 0.5
    assert max(depth.max() for depth in depths) < 35
    assert all(depth.max() > 2 * depth.min() for depth in depths)


def test_the_ground_comes_nearer_towards_the_bottom(depths):
    for depth in depths:
        top, bottom = depth[:40].mean(), depth[-20:].mean()
        assert bottom < top
    rows = np.mean([depth.mean(axis=1) for depth in depths], axis=0)
    assert np.all(np.diff(rows[60:]) < 0)


def test_depth_has_relief_but_no_seams(depths):
    for depth in depths:
        steps = np.abs(np.diff(np.log(depth), axis=1))
        assert 0.001 < steps.max() < 0.05
        assert np.abs(np.diff(np.log(depth), axis=0)).max() < 0.25


def test_heavy_haze_leaves_the_foreground(depths):
    for depth in depths:
        assert np.exp(-0.2 * depth[-20:]).mean() > 0.25
