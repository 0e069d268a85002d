from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import ndimage

from maskdcpt.degradations import Defocus, apply
from maskdcpt.degradations.defocus import LAYERS, blur_by_depth, focus
from maskdcpt.degradations.depth import synthesise_depth
from maskdcpt.degradations.kernels import disc
from maskdcpt.degradations.transfer import to_linear


@pytest.mark.parametrize("radius", [0.5, 0.9, 1, 1.5, 2.3, 5, 8, 30])
def test_a_disc_holds_of_each_pixel_what_is_inside_the_circle(radius):
    kernel = disc(radius)
    reach = kernel.shape[0] // 2
    fine = (np.arange(kernel.shape[0] * 40) + 0.5) / 40 - 0.5 - reach
    inside = np.hypot(fine, fine[:, None]) <= radius
    expected = inside.reshape(kernel.shape[0], 40, kernel.shape[0], 40).mean(axis=(1, 3))
    assert np.abs(kernel / kernel.max() - expected / expected.max()).max() < 0.02
    assert kernel.sum() == pytest.approx(1)
    for turned in (kernel[::-1], kernel[:, ::-1], kernel.T):
        assert np.allclose(kernel, turned, rtol=1e-12)


@pytest.mark.parametrize("radius", [0, 0.1, 0.5])
def test_a_disc_within_a_pixel_is_that_pixel(radius):
    assert np.array_equal(disc(radius), [[1]])


@pytest.mark.parametrize("radius", [1, 2, 4, 8])
def test_a_point_becomes_a_disc_of_its_light(radius):
    light = np.zeros((3, 61, 61), np.float32)
    light[:, 30, 30] = 1
    for side in (-1, 1):
        blurred = blur_by_depth(light, np.full((61, 61), side, np.float32), radius)
        assert blurred.sum(axis=(1, 2)) == pytest.approx(1, abs=1e-4)
        # The inside is even, so that the area is the light over that of a pixel in the middle.
        assert 1 / blurred[0, 30, 30] == pytest.approx(np.pi * radius**2, rel=0.02)
        rows, columns = np.nonzero(blurred[0] > 1e-6)
        assert np.hypot(rows - 30, columns - 30).max() < radius + 1


def test_the_size_of_the_disc_follows_the_defocus():
    light = np.zeros((3, 81, 241), np.float32)
    light[:, 40, 40::80] = 1
    defocus = np.broadcast_to(np.linspace(-1, 1, 241, dtype=np.float32), (81, 241))
    blurred = blur_by_depth(light, defocus, 10)[0]
    spots = [blurred[:, 80 * index : 80 * index + 81] for index in range(3)]
    y, x = np.mgrid[:81, :81] - 40
    radii = [np.sqrt(2 * (spot * (x**2 + y**2)).sum() / spot.sum()) for spot in spots]
    assert radii == pytest.approx([10 * 2 / 3, 0, 10 * 2 / 3], abs=0.8)


def composed(light, defocus, radius):
    """The layers that LAYERS makes of a defocus from -1 to 1, composed over the whole picture in double precision."""
    result = light
    for behind, at in pairwise((LAYERS[0], *LAYERS)):
        matte = np.clip((defocus - behind) / (at - behind), 0, 1) if at > behind else np.ones(defocus.shape)
        kernel = disc(abs(at) * radius)
        color = np.stack([ndimage.convolve(plane * matte, kernel, mode="mirror") for plane in light])
        result = color + (1 - ndimage.convolve(matte, kernel, mode="mirror")) * result
    return result


@pytest.mark.parametrize("radius", [2.5, 8])
def test_layers_are_composed_from_back_to_front(radius, rng):
    light = rng.random((3, 60, 30))
    ground = np.linspace(-1, 1, 60)[:, None] * np.ones(30)
    band = np.where(np.abs(np.arange(60) - 30) < 4, 1.0, -0.3)[:, None] * np.ones(30)
    band[:3] = -1
    for defocus in (ground, -ground, band):
        result = blur_by_depth(light.astype(np.float32), defocus.astype(np.float32), radius)
        assert np.abs(result - composed(light, defocus, radius)).max() < 1e-5


def test_what_is_in_focus_stays_as_it_is(rng):
    light = rng.random((3, 20, 30), dtype=np.float32)
    assert np.allclose(blur_by_depth(light, np.zeros((20, 30), np.float32), 8), light, atol=1e-6)


def halves(left, right):
    return np.concatenate([np.full((40, 40), left), np.full((40, 40), right)], axis=1).astype(np.float32)


def test_the_blur_of_what_is_near_reaches_over_what_is_behind_but_not_the_other_way_round():
    black_left = np.stack([halves(0, 1)] * 3)
    sharp_near = blur_by_depth(black_left, halves(0, -1), 6)
    assert sharp_near[:, :, :40].max() < 1e-5
    blurred_near = blur_by_depth(black_left, halves(1, 0), 6)
    assert blurred_near[:, 10:-10, 40:44].max() < 0.9
    assert blurred_near[:, 10:-10, 47:].min() > 0.999


@pytest.mark.parametrize("value", [0, 1, 64, 128, 254, 255])
def test_a_constant_picture_stays_as_it_is(value):
    image = torch.full((3, 50, 41), value / 255)
    assert torch.equal(apply(image, Defocus(8)), image)


@pytest.fixture(scope="module")
def scenes():
    rngs = [np.random.default_rng(seed) for seed in range(100)]
    depths = [synthesise_depth(60, 80, rng) for rng in rngs]
    return [(depth, focus(depth, rng)) for depth, rng in zip(depths, rngs, strict=True)]


def test_the_circle_of_confusion_is_that_of_a_thin_lens(scenes):
    for depth, defocus in scenes:
        # |c| = k |1/d - 1/f|: a straight line over 1/d.
        slope, offset = np.polyfit(1 / depth.ravel().astype(float), defocus.ravel(), 1)
        assert np.abs(slope / depth + offset - defocus).max() < 1e-4
        assert slope > 0
        assert np.abs(defocus).max() == pytest.approx(1, abs=1e-4)


def test_most_of_the_picture_is_out_of_focus_and_often_something_is_in_focus(scenes):
    blurs = np.array([np.abs(defocus) for _, defocus in scenes])
    assert blurs.mean(axis=(1, 2)).min() > 0.4
    assert (blurs < 0.25).mean(axis=(1, 2)).max() < 0.5
    assert 0.3 < np.mean(blurs.min(axis=(1, 2)) < 0.1) < 0.95


def test_a_wall_at_one_distance_is_out_of_focus(rng):
    assert np.allclose(np.abs(focus(np.full((5, 5), 3, np.float32), rng)), 1)


def test_light_is_averaged_not_encoded_values():
    stripes = torch.zeros(3, 96, 96)
    stripes[:, :, ::2] = 1
    results = [Defocus(8)(stripes, np.random.default_rng(seed)).numpy() for seed in range(10)]
    assert np.median([to_linear(result).mean() for result in results]) == pytest.approx(0.5, abs=0.01)
    # Half the light is 0.735 in sRGB; half of the encoded values would be 0.5.
    assert np.median(results) == pytest.approx(0.735, abs=0.02)
