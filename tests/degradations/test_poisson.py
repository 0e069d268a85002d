import numpy as np
import pytest
from scipy import stats

from maskdcpt.degradations.poisson import poisson_counts


class Dictated:
    """A generator whose uniform numbers are given."""

    def __init__(self, numbers):
        self.numbers = numbers

    def integers(self, high, size, dtype):
        assert (high, size) == (2**32, self.numbers.size)
        return self.numbers.astype(dtype)


@pytest.mark.parametrize("photons", [1, 2, 16, 256])
def test_the_distribution_function_is_inverted_exactly(photons, rng):
    edges = np.concatenate([np.arange(2**10) << 22, (np.arange(1, 2**10 + 1) << 22) - 1])
    uniform = np.concatenate([edges, rng.integers(2**32, size=3000), rng.integers(2**20, size=500), [0, 1, 2**32 - 2]])
    for level in (0, 1, 7, 64, 200, 255):
        counts = poisson_counts(np.full(uniform.shape, level, dtype=np.uint8), photons, Dictated(uniform))
        mean = photons * level / 255
        # Where a uniform number lies on a step, rounding may take it to either side.
        below, above = (stats.poisson.ppf((uniform + side) / 2**32, mean) for side in (0.01, 0.99))
        assert np.all((counts >= below.clip(0)) & (counts <= above)), (level, photons)


def test_the_largest_number_gives_no_outlier():
    top = np.array([2**32 - 1])
    for photons in (1, 256):
        count = poisson_counts(np.array([255], dtype=np.uint8), photons, Dictated(top))
        assert photons < count < photons + 7 * np.sqrt(photons) + 12


@pytest.mark.parametrize(("photons", "level"), [(1, 10), (4, 255), (64, 128), (256, 3), (256, 255)])
def test_numbers_are_distributed_as_scipy_says(photons, level, rng):
    counts = poisson_counts(np.full((3, 400, 400), level, dtype=np.uint8), photons, rng)
    observed = np.bincount(counts.ravel())
    expected = counts.size * stats.poisson.pmf(np.arange(observed.size), photons * level / 255)
    common = expected > 20
    deviation = (observed[common] - expected[common]) / np.sqrt(expected[common])
    freedom = common.sum()
    assert (deviation**2).sum() < freedom + 5 * np.sqrt(2 * freedom)
    assert observed[~common].sum() < expected[~common].sum() + 5 * np.sqrt(expected[~common].sum() + 1)


def test_shape_is_kept_and_levels_are_not_mixed_up(rng):
    levels = np.arange(256, dtype=np.uint8).repeat(500).reshape(2, 64, 1000)
    means = poisson_counts(levels, 256, rng).reshape(256, 500).mean(axis=1)
    expected = np.arange(256) * 256 / 255
    assert np.all(np.abs(means - expected) <= 5 * np.sqrt(expected / 500))
