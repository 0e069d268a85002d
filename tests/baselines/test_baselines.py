"""Baselines keep what an image is, gain on the damage they are meant for, and are what their papers say."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.restoration import richardson_lucy as independent_deconvolution

from maskdcpt.baselines import BASELINES
from maskdcpt.baselines.dark_channel import guided_filter
from maskdcpt.baselines.dct import dct_denoise
from maskdcpt.baselines.noise_level import noise_level
from maskdcpt.baselines.richardson_lucy import ITERATIONS, SHARP, edge_width, richardson_lucy
from maskdcpt.data import sample_photo
from maskdcpt.degradations import (
    CATALOGUE,
    GaussianNoise,
    Haze,
    LowLight,
    PoissonNoise,
    SaltPepperNoise,
    apply,
)
from maskdcpt.errors import UserError
from maskdcpt.metrics import psnr

PHOTOS = ("astronaut", "chelsea", "coffee")
BLUR = CATALOGUE["gaussian_blur"].levels[1:6]
MEANT_FOR = {
    "bicubic": (GaussianNoise(25), GaussianNoise(50)),
    "median": (SaltPepperNoise(2), SaltPepperNoise(10)),
    "nlm": (GaussianNoise(15), GaussianNoise(50), PoissonNoise(1)),
    "dct": (GaussianNoise(5), GaussianNoise(15), GaussianNoise(50), PoissonNoise(1)),
    "richardson_lucy": (BLUR[0], BLUR[2], BLUR[4]),
    "dark_channel": (Haze(0.08, 0.9), Haze(0.2, 1)),
    "clahe": (LowLight(1.5), LowLight(3), LowLight(5)),
}
every_baseline = pytest.mark.parametrize("baseline", BASELINES.values(), ids=lambda baseline: baseline.name)


def photo(name):
    return sample_photo(name)[:, :160, :160]


def pixels(image):
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def gain(name, level, photos=PHOTOS):
    clean = [photo(each) for each in photos]
    damaged = [apply(image, level) for image in clean]
    restored = [BASELINES[name].restore(image) for image in damaged]
    pairs = [zip(images, clean, strict=True) for images in (restored, damaged)]
    after, before = ([psnr(*each).item() for each in some] for some in pairs)
    return np.mean(after) - np.mean(before)


@pytest.mark.parametrize(
    ("name", "level"), [(name, level) for name, levels in MEANT_FOR.items() for level in levels], ids=str
)
def test_each_gains_on_what_it_is_meant_for(name, level):
    assert type(level) in {kind for each in BASELINES[name].types for kind in CATALOGUE[each].kinds}
    assert gain(name, level) > 0.5


def test_the_table_tells_what_each_is_for():
    assert [*BASELINES] == [baseline.name for baseline in BASELINES.values()]
    assert set(MEANT_FOR) == set(BASELINES) - {"identity"}
    for baseline in BASELINES.values():
        assert baseline.title
        assert baseline.source
        assert all(name in CATALOGUE for name in baseline.types)


@every_baseline
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=8, deadline=None)
def test_any_image_comes_back_as_one_of_its_size(baseline, seed, height, width):
    image = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))
    before = image.clone()
    restored = baseline.restore(image)
    assert restored.shape == image.shape
    assert restored.dtype == torch.float32
    assert restored.min() >= 0
    assert restored.max() <= 1
    assert image.equal(before), "the image is left as it is"
    assert restored.data_ptr() != image.data_ptr()
    assert restored.equal(baseline.restore(image)), "the same image gives the same result"


@every_baseline
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3), (7, 7), (130, 5)])
def test_tiny_and_thin_images(baseline, size):
    for image in (torch.rand(3, *size), torch.zeros(3, *size), torch.ones(3, *size), torch.full((3, *size), 0.5)):
        restored = baseline.restore(image)
        assert restored.shape == image.shape
        assert restored.isfinite().all()


@every_baseline
def test_grey_stays_grey_and_flat_stays_flat(baseline):
    grey = apply(photo("chelsea")[1:2].repeat(3, 1, 1), GaussianNoise(5))[:1].repeat(3, 1, 1)
    restored = baseline.restore(grey)
    assert (restored - restored.mean(0)).abs().max() <= 1.01 / 255
    flat = baseline.restore(torch.full((3, 32, 32), 0.5))
    assert flat.std() < 1e-5


@every_baseline
def test_what_is_no_image_is_refused(baseline):
    for image in (torch.rand(1, 8, 8), torch.rand(3, 8, 8).byte(), torch.rand(3, 8, 8) / 0, torch.rand(3, 8, 8) + 1):
        with pytest.raises(UserError):
            baseline.restore(image)


def test_identity_is_the_identity():
    image = torch.rand(3, 20, 30)
    assert BASELINES["identity"].restore(image).equal(image)


def test_images_without_noise_or_blur_are_left_as_they_are():
    smooth = torch.linspace(0, 1, 64).expand(3, 64, 64)
    for name in ("nlm", "dct"):
        assert BASELINES[name].restore(smooth).equal(smooth)
    for name in PHOTOS:
        assert BASELINES["richardson_lucy"].restore(sample_photo(name)).equal(sample_photo(name))


@pytest.mark.parametrize("sigma", [5, 10, 15, 25])
@pytest.mark.parametrize("name", PHOTOS)
def test_the_level_of_noise_is_told_from_the_image(name, sigma):
    noisy = apply(photo(name), GaussianNoise(sigma))
    assert 0.85 * sigma < noise_level(pixels(noisy)) * 255 < sigma + 3, "texture adds to it, clipping takes away"


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.1))
@settings(max_examples=10, deadline=None)
def test_the_level_of_nothing_but_noise_is_its_deviation(seed, sigma):
    noise = np.random.default_rng(seed).normal(0.5, sigma, (96, 96, 3)).astype(np.float32)
    assert noise_level(noise) == pytest.approx(sigma, rel=0.06)
    assert noise_level(noise + np.linspace(0, 0.3, 96, dtype=np.float32)[:, None]) == pytest.approx(sigma, rel=0.06)


def test_sliding_patches_are_what_a_loop_over_them_gives():
    noisy = pixels(apply(photo("coffee")[:, :21, :80], GaussianNoise(20)))
    sigma = noise_level(noisy)
    colours = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
    padded = np.pad(noisy.astype(np.float64), ((7, 7), (7, 7), (0, 0)), mode="symmetric") @ colours.T
    sums, weights = np.zeros_like(padded), np.zeros_like(padded)
    for top in range(padded.shape[0] - 7):
        for left in range(padded.shape[1] - 7):
            for channel in range(3):
                place = (slice(top, top + 8), slice(left, left + 8), channel)
                waves = cv2.dct(padded[place])
                kept = np.abs(waves) > 2.7 * sigma
                kept[0, 0] = True
                sums[place] += cv2.idct(waves * kept) / kept.sum()
                weights[place] += 1 / kept.sum()
    expected = (sums / weights)[7:-7, 7:-7] @ colours
    difference = np.abs(dct_denoise(noisy) - expected)
    assert np.quantile(difference, 0.99) < 1e-5
    assert difference.max() < 0.01, "a coefficient may lie on the threshold"


def test_strips_leave_no_seams(monkeypatch):
    noisy = pixels(apply(photo("coffee"), GaussianNoise(20)))
    whole = dct_denoise(noisy)
    monkeypatch.setattr("maskdcpt.baselines.dct.STRIP", 17)
    assert dct_denoise(noisy) == pytest.approx(whole, abs=1e-5)


def test_deconvolution_is_that_of_scikit_image_away_from_the_border():
    blurred = pixels(apply(photo("chelsea"), BLUR[2]))
    sigma = np.sqrt(edge_width(blurred) ** 2 - SHARP**2)
    side = int(2 * np.ceil(4 * sigma) + 1)
    line = cv2.getGaussianKernel(side, sigma)
    expected = np.stack(
        [
            # Their first estimate is grey and ours the image, so that ten steps do not end in quite the same place.
            independent_deconvolution(blurred[..., channel].astype(np.float64), line @ line.T, num_iter=ITERATIONS)
            for channel in range(3)
        ],
        axis=-1,
    )
    middle = (slice(60, -60), slice(60, -60))
    assert np.abs(richardson_lucy(blurred)[middle] - expected[middle]).mean() < 0.01


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.5, 4.0])
def test_the_width_of_edges_is_that_of_the_blur(sigma):
    step = np.zeros((64, 64, 3), np.float32)
    step[:, 30:] = 0.8
    width = edge_width(cv2.GaussianBlur(step, (0, 0), sigma))
    assert sigma < width < sigma + 0.3, "taking the slope over two pixels widens narrow edges"
    assert edge_width(np.full((16, 16, 3), 0.3, np.float32)) == 0


def test_haze_of_one_colour_over_a_scene_with_black_in_it_is_removed():
    scene = torch.rand(3, 160, 160, generator=torch.Generator().manual_seed(0))
    scene[:, ::4, ::4] = 0  # something black in every patch
    airlight = torch.tensor([0.9, 0.85, 0.8]).view(3, 1, 1)
    transmission = torch.full((160, 160), 0.5)
    transmission[:32] = 0  # the sky, which shows the haze alone
    hazy = scene * transmission + airlight * (1 - transmission)
    restored = BASELINES["dark_channel"].restore(hazy)
    # 5 % of the haze is kept: J - A shrinks by the ratio of 0.5 and the transmission 1 - 0.95 * 0.5.
    expected = (scene - airlight) * 0.5 / 0.525 + airlight
    error = (restored - expected.clamp(0, 1))[:, 130:, 40:120].abs()
    assert error.mean() < 0.02


def test_the_guided_filter_keeps_edges_of_the_guide():
    guide = np.zeros((100, 200))
    guide[:, 100:] = 1
    assert guided_filter(guide, guide) == pytest.approx(guide, abs=0.01)
    noise = np.random.default_rng(0).normal(0, 0.1, guide.shape)
    filtered = guided_filter(guide, guide + noise)
    assert (filtered - guide).std() < 0.02
    assert guided_filter(guide, np.full(guide.shape, 0.3)) == pytest.approx(0.3)
