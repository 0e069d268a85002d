import cv2
import numpy as np
import pytest
import torch

from maskdcpt.degradations import (
    BlurJpeg,
    BlurRain,
    Defocus,
    Haze,
    Jpeg,
    LowLight,
    LowLightBlur,
    LowLightWeather,
    LowQuality,
    MotionBlur,
    Raindrop,
    RainStreak,
    Snow,
)
from maskdcpt.degradations.transfer import to_linear


@pytest.mark.parametrize(
    ("composite", "steps"),
    [
        (BlurJpeg(9, 30), (MotionBlur(9), Jpeg(30))),
        (BlurRain(3, 20), (Defocus(3), Raindrop(20, 11))),
        (LowLightWeather("low_haze"), (LowLight(2), Haze(0.1, 0.75))),
        (LowLightWeather("haze_snow"), (Snow("medium", 25), Haze(0.1, 0.75))),
        (LowLightWeather("low_haze_rain"), (LowLight(2), RainStreak(35, 30), Haze(0.1, 0.75))),
    ],
)
def test_composites_are_chains_of_their_parts(composite, steps, photos):
    expected = photos[0]
    for step, rng in zip(steps, np.random.default_rng(4).spawn(len(steps)), strict=True):
        expected = step(expected, rng)
    assert torch.equal(composite(photos[0], np.random.default_rng(4)), expected)


def test_haze_lies_over_the_dark_scene():
    # The airlight of CDD is bright by night: far away it is all that is left.
    black = LowLightWeather("low_haze")(torch.zeros(3, 64, 64), np.random.default_rng(0))
    assert black.max() > 0.4


def test_noise_of_a_dark_shaken_photo_is_not_blurred(photos):
    noisy, clean = (LowLightBlur(3, 15, noise)(photos[0], np.random.default_rng(2)) for noise in ("on", "off"))
    difference = to_linear(noisy.numpy()) - to_linear(clean.numpy())
    light = to_linear(clean.numpy())
    bright = light > np.quantile(light, 0.8)  # in the dark noise is cut off at black
    shifted = np.roll(difference, 1, axis=2)
    assert difference[bright].std() > 1e-3
    assert abs(np.corrcoef(difference[bright], shifted[bright])[0, 1]) < 0.05


def test_a_dark_shaken_photo_without_noise_has_none():
    flat = LowLightBlur(3, 15, "off")(torch.full((3, 64, 64), 0.8), np.random.default_rng(0))
    assert float(flat.flatten(1).std(dim=1).max()) < 1e-5


@pytest.mark.parametrize("scale", [2, 4, 3.3])
def test_low_quality_has_no_detail_of_its_own_finer_than_the_small_copy(scale):
    noise = torch.rand(3, 120, 120, generator=torch.Generator().manual_seed(0))
    result = LowQuality(scale, "weak")(noise, np.random.default_rng(1)).numpy()
    window = np.hanning(120)[:, None] * np.hanning(120)
    power = np.square(np.abs(np.fft.fft2((result - result.mean()) * window))).mean(axis=0)
    frequency = np.maximum(*np.abs(np.meshgrid(np.fft.fftfreq(120), np.fft.fftfreq(120))))
    # Cubic enlargement leaves a little above the small copy's highest frequency.
    assert power[frequency > 0.5 / scale + 0.08].sum() < 0.12 * power.sum()


def test_low_quality_stays_aligned(photos):
    for seed in range(5):
        result = LowQuality(4, "medium")(photos[0], np.random.default_rng(seed))
        shift, _ = cv2.phaseCorrelate(*(image.mean(0).double().numpy() for image in (photos[0], result)))
        assert np.hypot(*shift) < 0.35


def test_low_quality_is_random_in_kind(photos):
    results = [LowQuality(2, "strong")(photos[0], np.random.default_rng(seed)) for seed in range(8)]
    errors = [float((result - photos[0]).square().mean()) for result in results]
    assert max(errors) > 1.3 * min(errors)
