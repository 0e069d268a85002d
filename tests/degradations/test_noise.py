import numpy as np
import pytest
import torch

from maskdcpt.degradations import (
    GaussianNoise,
    GreyGaussianNoise,
    GreyPoissonNoise,
    GreySaltPepperNoise,
    PoissonNoise,
    SaltPepperNoise,
    apply,
)


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


def assert_independent(values):
    """Neither the channels of (3, H, W) nor neighbouring pixels go together."""
    bound = 4.5 / np.sqrt(values[0].size)
    assert np.abs(np.corrcoef(values.reshape(3, -1)) - np.eye(3)).max() < bound
    for one, other in ((values[:, 1:], values[:, :-1]), (values[:, :, 1:], values[:, :, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < bound


def test_grey_gaussian_noise_is_one_draw_for_all_channels(rng):
    image = np.stack([np.full((400, 400), value, dtype=np.float32) for value in (0.25, 0.5, 0.75)])
    noise = (GreyGaussianNoise(20).degrade(image, rng) - image).astype(np.float64) * 255
    assert np.abs(noise - noise[0]).max() < 1e-4
    assert abs(noise[0].mean()) < 4 * 20 / 400
    assert abs(noise[0].std() - 20) < 4 * 20 / np.sqrt(2 * 400**2)
    assert abs((noise[0, 1:] * noise[0, :-1]).mean()) < 4 * 20**2 / 400
    assert abs((noise[0, :, 1:] * noise[0, :, :-1]).mean()) < 4 * 20**2 / 400


def strips(count):
    """A picture of so many evenly spread 8-bit values, one to a row of 4000 pixels, the channels alike."""
    values = np.rint(np.linspace(0, 255, count)).astype(np.float32) / 255
    return np.broadcast_to(values[:, None], (3, count, 4000)).copy()


@pytest.mark.parametrize(("count", "photons"), [(2, 2), (5, 8), (16, 16), (17, 32), (100, 128), (256, 256)])
@pytest.mark.parametrize("scale", [0.5, 3])
def test_poisson_noise_has_the_variance_of_its_photons(count, photons, scale, rng):
    image = strips(count)
    noise = (PoissonNoise(scale).degrade(image, rng) - image).astype(np.float64)
    variance = scale**2 * image[0, :, 0].astype(np.float64) / photons
    draws = 3 * 4000
    assert np.all(np.abs(noise.mean(axis=(0, 2))) <= 4.5 * np.sqrt(variance / draws) + 1e-6)
    # The fourth moment of a Poisson variable of mean m is 3 m^2 + m.
    mean = np.maximum(image[0, :, 0] * photons, 1e-9)
    assert np.all(np.abs(noise.var(axis=(0, 2)) - variance) <= 5 * variance * np.sqrt((2 + 1 / mean) / draws) + 1e-9)


def test_poisson_noise_is_a_whole_number_of_photons(rng):
    image = strips(30)
    counts = (PoissonNoise(1).degrade(image, rng)) * 32
    assert np.abs(counts - np.rint(counts)).max() < 1e-4
    assert counts.min() > -1e-4


def test_poisson_noise_is_independent_in_pixels_and_channels(rng):
    image = np.full((3, 300, 300), 100 / 255, dtype=np.float32)
    image[:, 0, :256] = np.arange(256) / 255  # so that there are 256 values
    assert_independent((PoissonNoise(1).degrade(image, rng) - image)[:, 1:].astype(np.float64))


def test_poisson_noise_keeps_what_is_finer_than_8_bit(rng):
    image = strips(200)
    fine = image + np.float32(0.3 / 255)
    one, other = (PoissonNoise(2).degrade(each, np.random.default_rng(1)) for each in (image, fine))
    assert np.abs(other - one - 0.3 / 255).max() < 1e-6


def test_grey_poisson_noise_is_that_of_the_grey_image_in_all_channels(rng):
    grey = strips(256)[:1]
    # Of the same brightness as grey, by the weights of BT.601.
    red, blue = 0.5 * grey, 0.8 * grey
    image = np.concatenate([red, (grey - 0.299 * red - 0.114 * blue) / 0.587, blue])
    noise = (GreyPoissonNoise(2).degrade(image, rng) - image).astype(np.float64)
    assert np.abs(noise - noise[0]).max() < 1e-5
    variance = 4 * grey[0, :, 0].astype(np.float64) / 256
    assert np.all(np.abs(noise[0].var(axis=1) - variance) <= 5 * variance * np.sqrt(3 / 4000) + 1e-9)


def test_grey_is_weighed_as_in_television(rng):
    palette = rng.random((3, 100))
    image = palette[:, rng.integers(100, size=(60, 60))].astype(np.float32)
    quantised = np.rint(np.tensordot([0.299, 0.587, 0.114], image.astype(np.float64), 1) * 255) / 255
    assert 64 < len(np.unique(quantised)) <= 128
    noise = (GreyPoissonNoise(1).degrade(image, rng) - image)[0]
    # One 8-bit level more or less would be half a photon.
    photons = (noise + quantised) * 128
    assert np.abs(photons - np.rint(photons)).max() < 1e-2


@pytest.mark.parametrize("kind", [PoissonNoise, GreyPoissonNoise])
def test_no_poisson_noise_is_no_change(kind, photos):
    assert torch.equal(apply(photos[0], kind(0)), photos[0].mul(255).round() / 255)


@pytest.mark.parametrize("density", [1, 20, 100])
@pytest.mark.parametrize("kind", [SaltPepperNoise, GreySaltPepperNoise])
def test_salt_and_pepper_are_as_many_as_asked_for_and_half_of_each(kind, density):
    image = torch.full((3, 400, 400), 128 / 255)
    result = apply(image, kind(density), seed=2).numpy()
    assert set(np.unique(result)) <= {0, np.float32(128 / 255), 1}
    expected = density / 200
    for channel in result:
        for value in (0, 1):
            assert abs((channel == value).mean() - expected) < 4 * np.sqrt(expected / 160_000)


def test_salt_and_pepper_fall_on_each_channel_alone(rng):
    result = SaltPepperNoise(20).degrade(np.full((3, 400, 400), 0.5, dtype=np.float32), rng).clip(0, 1)
    assert_independent((result != 0.5).astype(np.float64))
    assert_independent(result.astype(np.float64))


def test_grey_salt_and_pepper_hit_whole_pixels(photos):
    image = photos[0].mul(255).round() / 255
    result = apply(image, GreySaltPepperNoise(10))
    hit = (result != image).any(dim=0)
    lost = result[:, hit]
    assert 0.07 < hit.float().mean() < 0.13
    assert torch.equal(lost[0], lost[1])
    assert torch.equal(lost[0], lost[2])
    assert set(lost.unique().tolist()) == {0, 1}


@pytest.mark.parametrize("kind", [SaltPepperNoise, GreySaltPepperNoise])
def test_what_is_not_hit_stays_as_it_was(kind, photos):
    assert torch.equal(apply(photos[0], kind(0)), photos[0].mul(255).round() / 255)
    image = photos[1].numpy()
    result = kind(30).degrade(image, np.random.default_rng(0))
    whole = (result > 0) & (result < 1)
    assert whole.mean() > 0.6
    assert np.array_equal(result[whole], image[whole])
