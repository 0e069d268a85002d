"""Means and correlations of a few runs, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, variance
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from maskdcpt.evaluation.bootstrap import FEWEST, RESAMPLES
from maskdcpt.seeds import derive_seed

LEVEL = 0.95
"""Of intervals: how often such an interval holds what is true, if what scatters is normally distributed."""


class Interval(NamedTuple):
    """A mean with its interval."""

    mean: float
    """The mean."""
    low: float | None
    """Where the interval begins; None where it cannot be told."""
    high: float | None
    """Where it ends."""
    size: int
    """Of how many runs, or images."""

    @property
    def reversed(self) -> Interval:
        """That of the same difference taken the other way round."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return Interval(-self.mean, low, high, self.size)

    @property
    def sign(self) -> int:
        """1 if all of it is above zero, -1 if all is below, 0 if neither can be told."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


def interval_over_runs(strata: Sequence[Sequence[float]]) -> Interval:
    """The mean of strata, which count alike, with a t-interval.

    Its degrees of freedom are those of Welch, "The generalization of 'Student's' problem when several different
    population variances are involved" (Biometrika 1947): each stratum scatters as it does.

    Args:
        strata: For each network the values of its seeds, taken to scatter independently; the networks themselves are
            given, not drawn.

    Returns:
        No interval where a network has a single value.
    """
    mean, count = fmean(map(fmean, strata)), sum(map(len, strata))
    if any(len(values) < 2 for values in strata):
        return Interval(mean, None, None, count)
    errors = [variance(values) / len(values) for values in strata]
    if not any(errors):
        return Interval(mean, mean, mean, count)
    freedom = sum(errors) ** 2 / sum(error**2 / (len(values) - 1) for error, values in zip(errors, strata, strict=True))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * math.sqrt(sum(errors)) / len(strata)
    return Interval(mean, mean - reach, mean + reach, count)


class Correlations(NamedTuple):
    """Whether two things that were measured of runs go together, Pearson's coefficients."""

    between: Interval | None
    """Of the means of arms: do arms that are high in the one tend to be high in the other?"""
    within: Interval | None
    """Of what is left of runs less the means of their arm and of their seed: do such runs?"""


def correlations(points: Mapping[str, Sequence[tuple[float, float]]]) -> Correlations:
    """Correlates two measures of the runs of arms that all have the same seeds.

    Intervals are of percentiles of arms that are drawn again and again, for runs of one arm are no independent points.

    Args:
        points: Arm to both measures of its runs, seed by seed in the same order.

    Returns:
        None in the place of a coefficient of fewer than three arms, or where one of the measures never changes; no
        interval of fewer than five arms.
    """
    if len(points) < 3:
        return Correlations(None, None)
    values = np.array(list(points.values()), dtype=float)  # (arms, seeds, 2)
    arms = values.mean(axis=1, keepdims=True)
    rest = values - arms - values.mean(axis=0, keepdims=True) + values.mean(axis=(0, 1))
    rng = np.random.default_rng(derive_seed("correlations", *points))
    draws = rng.integers(len(values), size=(RESAMPLES, len(values)))
    return Correlations(*(_correlation(each, draws) for each in (arms, rest)))


def _correlation(values: NDArray[np.float64], draws: NDArray[np.int64]) -> Interval | None:
    found = _pearson(values)
    if found is None:
        return None
    size = values.shape[0] * values.shape[1]
    drawn = [each for draw in draws if (each := _pearson(values[draw])) is not None]
    if len(values) < FEWEST:
        return Interval(found, None, None, size)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(found, float(low), float(high), size)


def _pearson(values: NDArray[np.float64]) -> float | None:
    x, y = values.reshape(-1, 2).T
    if np.allclose(x, x[0]) or np.allclose(y, y[0]):
        return None
    return float(np.corrcoef(x, y)[0, 1])
