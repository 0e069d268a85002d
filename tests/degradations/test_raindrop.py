import numpy as np
import pytest
import torch

from maskdcpt.degradations import Raindrop, apply
from maskdcpt.degradations.raindrop import FIELD, SPREAD, Drops, draw_drops, refract
from maskdcpt.degradations.transfer import to_linear

SIDE, RADIUS = 81, 14
MIDDLE = SIDE // 2


@pytest.fixture(scope="module")
def drop():
    """One round drop in the middle, and the offset of each point from its middle in radii, down and across."""
    offset = np.indices((SIDE, SIDE)) - MIDDLE
    variance = (SPREAD * RADIUS) ** 2
    log = (RADIUS**2 - np.square(offset).sum(axis=0)) / (2 * variance)
    brightness = np.ones((SIDE, SIDE), dtype=np.float32)
    return Drops(log.astype(np.float32), (-offset / variance).astype(np.float32), brightness), offset / RADIUS


def ramp(axis):
    """Light that grows down (0) or across (1), (SIDE, SIDE, 3)."""
    values = np.indices((SIDE, SIDE))[axis] / SIDE
    return np.repeat(values[..., None], 3, axis=2).astype(np.float32)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_drop_shows_a_wide_view_upside_down(drop, axis):
    drops, offset = drop
    shown = refract(ramp(axis), drops, RADIUS)[..., 0]
    rim = np.square(offset).sum(axis=0)
    inside = rim < 0.5
    source = MIDDLE - FIELD * SIDE * offset[axis][inside] / np.sqrt(1 - 0.9 * rim[inside])
    expected = source / SIDE * (1 - 0.6 * rim[inside] ** 4)
    assert np.abs(shown[inside] - expected).max() < 0.005
    # The scene is small in it: most of the ramp within the middle part of the drop.
    assert np.ptp(shown[inside]) > 0.6


def test_a_drop_hides_what_is_behind_it_and_nothing_else(drop):
    drops, offset = drop
    hidden = refract(ramp(0), drops, RADIUS)[..., 3]
    distance = np.sqrt(np.square(offset).sum(axis=0))
    assert np.all(hidden[distance < 0.9] == 1)
    assert np.all(hidden[distance > 1.1] == 0)


def test_the_rim_is_dark(drop):
    drops, offset = drop
    shown = refract(np.full((SIDE, SIDE, 3), 0.5, dtype=np.float32), drops, RADIUS)[..., 0]
    distance = np.sqrt(np.square(offset).sum(axis=0))
    assert np.allclose(shown[distance < 0.5], 0.5, atol=0.01)
    assert np.all(shown[(distance > 0.95) & (distance < 1)] < 0.35)


def test_above_the_picture_is_its_brightest_light(drop):
    drops, offset = drop
    scene = np.full((SIDE, SIDE, 3), 0.1, dtype=np.float32)
    scene[-30:, :30] = 0.8
    shown = refract(scene, drops, RADIUS)[..., 0]
    lowest = offset[0, :, MIDDLE]
    for row in np.flatnonzero((lowest > 0.88) & (lowest < 1)):
        assert shown[row, MIDDLE] == pytest.approx(0.8 * (1 - 0.6 * lowest[row] ** 8), rel=0.02)


def test_the_sky_is_at_the_bottom_of_drops():
    photo = torch.zeros(3, 128, 128)
    photo[:, :64] = 1
    for seed in range(5):
        # A radius of 7 has a grid as fine as the picture, so the drops' fields fit it.
        drops = draw_drops((128, 128), 25, 7, np.random.default_rng(seed))
        result = Raindrop(25, 7)(photo, np.random.default_rng(seed))[0].numpy()
        inside = drops.log > 0
        inside[:70] = False
        lower = result[inside & (drops.slope[0] < -0.1)]
        upper = result[inside & (drops.slope[0] > 0.1)]
        assert lower.mean() > upper.mean() + 0.2


def covered(size, count, radius, seeds=30):
    """Share of the picture that is behind drops, mean of some seeds, (h, w)."""
    return np.mean([draw_drops(size, count, radius, np.random.default_rng(n)).log > 0 for n in range(seeds)], axis=0)


@pytest.mark.parametrize("radius", [3, 9, 24])
def test_drops_have_the_number_and_size_asked_for_on_any_grid(radius):
    count = 2000 / radius**2
    area = covered((256, 300), count, radius, seeds=60).mean() * 256**2
    # The mean square of radii that scatter by two fifths.
    assert area == pytest.approx(1.16 * count * np.pi * radius**2, rel=0.15)


def test_drops_are_even_up_to_the_border_and_as_many_in_any_picture():
    large, small = covered((160, 224), 40, 7, seeds=150), covered((48, 30), 40, 7, seeds=400)
    assert small.mean() == pytest.approx(large.mean(), rel=0.1)
    inside = large[20:-20, 20:-20].mean()
    for border in (large[:6], large[-6:], large[:, :6], large[:, -6:]):
        assert border.mean() == pytest.approx(inside, rel=0.15)


def test_more_and_larger_drops_change_more(photos):
    def changed(count, radius):
        results = [apply(photos[0], Raindrop(count, radius), seed) for seed in range(10)]
        return np.mean([float(((result - photos[0]).abs() > 0.05).float().mean()) for result in results])

    assert changed(5, 8) < changed(20, 8) < changed(60, 8)
    assert changed(20, 4) < changed(20, 8) < changed(20, 14)


def test_edges_are_out_of_focus():
    # Drops with a bright sky at their bottom over black.
    photo = torch.zeros(3, 128, 128)
    photo[:, :30] = 1
    steps = []
    for seed in range(10):
        light = to_linear(Raindrop(25, 14)(photo, np.random.default_rng(seed))[0, 40:].numpy())
        assert light.max() > 0.3
        steps.append(max(np.abs(np.diff(light, axis=axis)).max() for axis in (0, 1)))
    # An edge of height 1 blurred by 0.08 radii is that steep.
    assert max(steps) < 1.1 / (np.sqrt(2 * np.pi) * 0.08 * 14)


def test_no_drops_are_no_change(photos, rng):
    result = Raindrop(0, 10)(photos[0], rng)
    assert torch.equal(result, photos[0])
    assert result.data_ptr() != photos[0].data_ptr()
    assert torch.allclose(Raindrop(1e-6, 10)(photos[0], rng), photos[0], atol=1e-5)
