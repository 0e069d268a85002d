import numpy as np
import pytest
import torch

from maskdcpt.degradations import GaussianNoise, apply


@pytest.fixture(scope="module")
def residual():
    """The noise of sigma 25 on mid-grey, (3, 400, 400) float64 in 8-bit units; grey 0.5 is 5 sigma from clipping."""
    grey = torch.full((3, 400, 400), 0.5)
    return (apply(grey, GaussianNoise(25), seed=1).double() - 0.5).numpy() * 255


def test_mean_and_deviation(residual):
    count = residual.size
    assert abs(residual.mean()) < 4 * 25 / np.sqrt(count)
    assert abs(residual.std() - 25) < 4 * 25 / np.sqrt(2 * count)
    for channel in residual:
        assert abs(channel.std() - 25) < 4 * 25 / np.sqrt(2 * channel.size)


def test_shape_of_the_distribution(residual):
    normal = residual.ravel() / 25
    assert abs((normal**3).mean()) < 4 * np.sqrt(15 / normal.size)
    assert abs((normal**4).mean() - 3) < 4 * np.sqrt(96 / normal.size)


def test_channels_and_pixels_are_independent(residual):
    bound = 4 / np.sqrt(residual[0].size)
    channels = np.corrcoef(residual.reshape(3, -1))
    assert np.abs(channels - np.eye(3)).max() < bound
    for shifted, still in ((residual[:, 1:], residual[:, :-1]), (residual[:, :, 1:], residual[:, :, :-1])):
        assert abs((shifted * still).mean() / 25**2) < bound


def test_noise_is_added_as_the_formula_says(photos, rng):
    image = photos[0]
    expected = image.double().numpy() + 30 / 255 * rng.standard_normal(image.shape, dtype=np.float32).astype(np.float64)
    result = GaussianNoise(30)(image, np.random.default_rng(5))
    assert np.abs(result.double().numpy() - expected.clip(0, 1)).max() < 1e-6


def test_no_noise_is_no_change(photos):
    assert torch.equal(apply(photos[0], GaussianNoise(0)), photos[0])
