import numpy as np
import pytest
import torch
from scipy import ndimage

from maskdcpt.degradations import CATALOGUE, SensorNoise, apply
from maskdcpt.degradations.sensor import (
    SHOT,
    demosaic_noise,
    draw_camera,
    draw_read_variance,
    mosaic,
    raw_noise,
)
from maskdcpt.degradations.transfer import to_linear

SITES = np.array([[0, 1], [1, 2]])


@pytest.fixture(scope="module")
def cameras():
    return np.stack([draw_camera(np.random.default_rng(seed)) for seed in range(400)])


def test_white_balances_have_the_distribution_of_the_paper(cameras):
    red, green, blue = cameras.sum(axis=2).T
    for gains, low, high in ((green / red, 1.9, 2.4), (green / blue, 1.5, 1.9)):
        assert low <= gains.min() < low + 0.02
        assert high - 0.02 < gains.max() <= high
        assert gains.mean() == pytest.approx((low + high) / 2, abs=0.03)
    assert green.mean() == pytest.approx(0.8, abs=4 * 0.1 / 20)
    assert green.std() == pytest.approx(0.1, abs=4 * 0.1 / np.sqrt(800))


def test_colour_matrices_mix_those_of_four_cameras(cameras):
    matrices = cameras / cameras.sum(axis=2, keepdims=True)
    # Four matrices span three dimensions, in which weights that sum to 1 lie; rows that are scaled keep it nearly so.
    spread = np.linalg.svd((matrices - matrices.mean(axis=0)).reshape(-1, 9), compute_uv=False)
    assert spread[2] > 0.05
    assert spread[4] < 0.2 * spread[2]
    # Each channel of a camera is most sensitive to its own colour, and overlaps with the others.
    assert np.all(matrices.argmax(axis=2) == [0, 1, 2])
    assert np.all(matrices.max(axis=2) < 0.95)
    assert np.linalg.cond(matrices).max() < 20


def test_read_noise_scatters_about_its_regression_on_photon_noise(rng):
    for shot in (1e-4, 1e-2):
        logs = np.log([draw_read_variance(shot, rng) for _ in range(1000)])
        assert logs.mean() == pytest.approx(2.18 * np.log(shot) + 1.2, abs=4 * 0.26 / np.sqrt(1000))
        assert logs.std() == pytest.approx(0.26, abs=4 * 0.26 / np.sqrt(2000))
    assert draw_read_variance(0, rng) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (7, 6), (8, 8)])
def test_a_mosaic_has_one_raw_channel_a_pixel(size, rng):
    light = rng.random((3, *size))
    camera = draw_camera(rng)
    raw = np.einsum("rc,chw->rhw", camera, light).clip(0)
    rows, columns = np.indices(size)
    expected = np.take_along_axis(raw, SITES[rows % 2, columns % 2][None], axis=0)[0]
    assert np.abs(mosaic(light.astype(np.float32), camera) - expected).max() < 1e-6


def test_the_variance_of_raw_noise_is_linear_in_the_signal(rng):
    signal = np.linspace(0, 1, 21)
    raw = np.broadcast_to(signal.astype(np.float32)[:, None], (21, 40_000))
    noise = raw_noise(raw.copy(), 4e-3, 2e-4, rng)[1:-1, 1:-1].astype(np.float64)
    variance = 4e-3 * signal + 2e-4
    assert np.all(np.abs(noise.mean(axis=1)) < 4.5 * np.sqrt(variance / 40_000))
    assert noise.var(axis=1) == pytest.approx(variance, rel=4.5 * np.sqrt(2 / 40_000))
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 4.5 / np.sqrt(noise.size)


def test_the_frame_continues_the_mosaic(rng):
    # Only red sites carry a signal; in the frame, too, only such places do.
    raw = np.zeros((6, 8), dtype=np.float32)
    raw[::2, ::2] = 1
    noise = raw_noise(raw, 1, 0, rng)
    rows, columns = np.nonzero(noise)
    assert np.all(rows % 2 == 1)
    assert np.all(columns % 2 == 1)
    assert noise[1::2, 1::2].all()


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (9, 12)])
def test_demosaicing_averages_the_nearest_of_a_colour(size, rng):
    framed = rng.standard_normal((size[0] + 2, size[1] + 2))
    rows, columns = np.indices(framed.shape)
    site = SITES[(rows - 1) % 2, (columns - 1) % 2]
    near = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]])
    result = demosaic_noise(framed.astype(np.float32))
    assert result.shape == (*size, 3)
    for colour, weights in enumerate((near, cross, near)):
        mask = (site == colour).astype(float)
        mean = ndimage.convolve(framed * mask, weights) / ndimage.convolve(mask, weights)
        assert np.abs(result[..., colour] - mean[1:-1, 1:-1]).max() < 1e-6


@pytest.fixture(scope="module")
def grey_noise():
    """Noise in linear light of one camera on even grey, (3, 400, 400), its camera, and the variances at its sites."""
    grey, gain, seed = np.float32(0.5), 2, 4
    photo = SensorNoise(gain).degrade(np.full((3, 400, 400), grey), np.random.default_rng(seed))
    untoned = 0.5 - np.sin(np.arcsin(1 - 2 * photo.astype(np.float64)) / 3)
    light = to_linear(untoned)
    rng = np.random.default_rng(seed)
    camera = draw_camera(rng)
    shot = SHOT * gain
    level = to_linear(0.5 - np.sin(np.arcsin(1 - 2 * np.full(1, grey)) / 3))[0]
    variance = shot * camera.sum(axis=1) * level + draw_read_variance(shot, rng)
    return light - level, np.linalg.inv(camera), variance


def demosaiced(lag):
    """Covariance over a lag of white noise after bilinear demosaicing: red, green, blue, averaged over phases."""
    wide = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5])
    cross = np.array([[0, 0.25, 0], [0.25, 1, 0.25], [0, 0.25, 0]])
    down, right = lag

    def overlap(kernel):
        padded = np.pad(kernel, 3)
        return (padded * np.roll(padded, lag, axis=(0, 1))).sum()

    assert 0 <= max(down, right) <= 3
    return np.array([overlap(wide) / 4, overlap(cross) / 2, overlap(wide) / 4])


@pytest.mark.parametrize("lag", [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 1), (0, 3)])
def test_noise_in_the_photo_goes_together_as_demosaicing_and_colour_matrix_predict(grey_noise, lag):
    noise, to_light, variance = grey_noise
    down, right = lag
    height, width = noise.shape[1:]
    one = noise[:, down:, right:].reshape(3, -1)
    other = noise[:, : height - down, : width - right].reshape(3, -1)
    expected = to_light @ np.diag(variance * demosaiced(lag)) @ to_light.T
    scale = np.sqrt(np.diag(to_light @ np.diag(variance * demosaiced((0, 0))) @ to_light.T))
    measured = one @ other.T / one.shape[1]
    assert np.abs((measured - expected) / np.outer(scale, scale)).max() < 0.03


def test_noise_does_not_move_the_brightness(grey_noise):
    noise, _, _ = grey_noise
    assert np.abs(noise.mean(axis=(1, 2))).max() < 0.02 * noise.std()


def test_no_gain_is_no_change(photos, rng):
    photo = photos[0].mul(255).round() / 255
    assert torch.equal(apply(photo, SensorNoise(0)), photo)
    assert torch.equal(SensorNoise(0)(photo, rng).mul(255).round() / 255, photo)
    fine = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(SensorNoise(0)(fine, rng), fine, atol=0.02 / 255, rtol=0)


def test_noise_is_as_strong_at_the_border_as_inside(rng):
    image = np.full((3, 30, 40), 0.4, dtype=np.float32)
    noise = np.stack([SensorNoise(4).degrade(image, rng) for _ in range(300)]) - image
    # Averages over the two rows that make a period of the mosaic.
    strength = noise.var(axis=(0, 1))
    inside = strength[10:20, 10:20].mean()
    for border in (strength[:2], strength[-2:], strength[:, :2], strength[:, -2:]):
        assert border.mean() == pytest.approx(inside, rel=0.08)


def test_noise_is_strongest_in_the_middle_tones_of_the_finished_photo(rng):
    ramp = np.linspace(0, 1, 11, dtype=np.float32).repeat(1000)
    image = np.broadcast_to(ramp, (3, 20, ramp.size)).copy()
    strength = (SensorNoise(4).degrade(image, rng) - image).reshape(3, 20, 11, 1000).std(axis=(0, 1, 3))
    assert 2 <= strength.argmax() <= 6
    assert strength[0] < 0.5 * strength.max()
    assert strength[-1] < 0.5 * strength.max()


def test_each_stop_of_gain_doubles_the_variance_of_light():
    image = torch.full((3, 200, 200), 0.5)
    gains = [level.gain for level in CATALOGUE["sensor_noise"].levels][:5]
    # The same camera each time; read noise is little in this light.
    strengths = [float((SensorNoise(gain)(image, np.random.default_rng(2)) - image).var()) for gain in gains]
    assert np.diff(np.log2(strengths)) == pytest.approx(1, abs=0.1)
