import cv2
import numpy as np
import pytest
import torch

from maskdcpt.degradations import CATALOGUE, Moire, apply
from maskdcpt.degradations.moire import WAVE_STEPS, lattice_phases
from maskdcpt.degradations.transfer import to_linear

PERIODS = [level.period for level in CATALOGUE["moire"].levels]
each_period = pytest.mark.parametrize("period", PERIODS)


def light_of_grey(period, seed, size=256, grey=0.6):
    """The light of a photographed grey screen, relative to its mean, (3, H, W)."""
    result = Moire(period)(torch.full((3, size, size), grey), np.random.default_rng(seed)).numpy()
    light = to_linear(result).astype(np.float64)
    return light / light.mean(axis=(1, 2), keepdims=True)


def local_beat(phases):
    """What a wave of the lattice is folded to by the pixels of the camera: (2, H - 1, W - 1), cycles per pixel."""
    cycles = phases.astype(np.float64) / WAVE_STEPS
    wave = np.stack([np.diff(cycles, axis=0)[:, :-1], np.diff(cycles, axis=1)[:-1]])
    return wave - np.round(wave)


@each_period
def test_bands_of_both_waves_have_the_period_in_the_middle_and_cross_at_right_angles(period):
    for seed in range(8):
        columns, rows = lattice_phases((301, 401), period, np.random.default_rng(seed))
        first, second = (local_beat(phases)[:, 140:160, 190:210].mean(axis=(1, 2)) for phases in (columns, rows))
        for beat in (first, second):
            assert np.hypot(*beat) * period == pytest.approx(1, abs=0.02)
        assert first @ second * period**2 == pytest.approx(0, abs=0.04)


@pytest.mark.parametrize("period", PERIODS[:4])
def test_bands_are_bent(period):
    variation = []
    for seed in range(20):
        beat = np.hypot(*local_beat(lattice_phases((300, 400), period, np.random.default_rng(seed))[0])) * period
        variation.append(beat.std())
        assert beat.max() < 2.5
    assert 0.1 < np.mean(variation) < 0.4


@each_period
def test_the_spectrum_of_a_grey_screen_peaks_at_the_period(period):
    window = np.hanning(256)[:, None] * np.hanning(256)
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    peaks, shares = [], []
    for seed in range(12):
        waves = light_of_grey(period, seed) - 1
        energy = (np.abs(np.fft.fft2(waves * window)) ** 2).sum(axis=0)
        peaks.append(frequency.flat[energy.argmax()] * period)
        near = (frequency * period > 0.4) & (frequency * period < 1.7)
        shares.append(energy[near].sum() / energy.sum())
    assert np.median(peaks) == pytest.approx(1, abs=0.15)
    assert np.mean(shares) > 0.8


@each_period
def test_bands_are_coloured_and_of_like_contrast_whatever_their_period(period):
    waves = [light_of_grey(period, seed) - 1 for seed in range(12)]
    # A third of a wave apart, columns alone have a correlation of -1/2; what rows do is grey.
    for wave in waves:
        correlations = np.corrcoef(wave.reshape(3, -1))[np.triu_indices(3, 1)]
        assert np.all(correlations < 0.1)
    # The mean contrast of columns, drawn between 0.15 and 0.3, and that of rows, 0.4 times as much.
    expected = 0.225 * np.sqrt((1 + 0.4**2) / 2)
    assert np.mean([wave.std() for wave in waves]) == pytest.approx(expected, rel=0.25)


def test_bands_darken_and_brighten_alike():
    for seed in range(8):
        screen = torch.full((3, 128, 128), 0.5)
        light = to_linear(Moire(16)(screen, np.random.default_rng(seed)).numpy()).mean(axis=(1, 2))
        assert np.all(light < to_linear(np.full(1, 0.5, np.float32)) * 1.02 + 0.015)
        assert np.all(light > to_linear(np.full(1, 0.5, np.float32)) * 0.75)


def test_a_black_screen_shows_the_room_and_no_bands():
    blacks = []
    for seed in range(10):
        result = apply(torch.zeros(3, 64, 64), Moire(16), seed)
        assert len(result.unique()) == 1
        blacks.append(float(result[0, 0, 0]))
    assert min(blacks) > 0
    assert len(set(blacks)) > 5
    assert max(blacks) < 0.13


def test_bands_are_strong_where_the_screen_is_bright():
    image = torch.full((3, 64, 128), 0.3)
    image[..., 64:] = 0.8
    result = apply(image, Moire(10), 1).mean(0)
    assert result[:, 70:].std() > 1.8 * result[:, :58].std()


@each_period
def test_the_picture_stays_where_it_is(photos, period):
    window = np.hanning(96)[:, None] * np.hanning(96)
    shifts = []
    for seed, photo in enumerate(photos * 3):
        grey, seen = (image.mean(0).numpy().astype(np.float64) for image in (photo, apply(photo, Moire(period), seed)))
        # Edges only, since bands are no part of the picture; what is left of them pulls this way or that.
        edges = [cv2.Laplacian(cv2.GaussianBlur(image, (0, 0), 1.0), cv2.CV_64F) for image in (grey, seen)]
        shift, response = cv2.phaseCorrelate(*edges, window)
        shifts.append(shift)
        assert response > 0.1
    assert np.hypot(*np.transpose(shifts)).max() < 0.5
    assert np.hypot(*np.median(shifts, axis=0)) < 0.15
