"""How far means may be off, told by drawing the images again and again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskdcpt.seeds import derive_seed

RESAMPLES = 2000
"""How often the images are drawn anew."""

LEVEL = 0.95
"""Share of these draws that an interval holds."""

FEWEST = 5
"""Images that each test set needs for an interval: of fewer, draws with replacement tell next to nothing."""

_PART = 100

Numbers = NDArray[np.float64]


class Estimate(NamedTuple):
    """A mean with its interval."""

    mean: float
    """The mean."""
    low: float | None
    """Where the interval begins; None where it cannot be told, as of few images or of infinite values."""
    high: float | None
    """Where it ends."""
    images: int
    """How many images it is of."""

    @property
    def excludes_zero(self) -> bool | None:
        """Whether the interval lies to one side of zero; None where there is no interval."""
        return None if self.low is None or self.high is None else self.low > 0 or self.high < 0

    def as_dict(self) -> dict[str, Any]:
        """As plain values that JSON has: what is not finite is None."""
        values = {"mean": self.mean, "low": self.low, "high": self.high}
        plain = {name: value if value is not None and np.isfinite(value) else None for name, value in values.items()}
        return {**plain, "images": self.images}


def resampled_means(values: Numbers, keys: Sequence[str]) -> Numbers:
    """Means of images drawn with replacement, as many as there are (Efron, "Bootstrap methods", Ann. Stat. 1979).

    The draws depend on the keys alone: sets of the same images are drawn alike, and so are arms.

    Args:
        values: One row an image, a column for whatever was measured of it (N, V).
        keys: Names of the images.

    Returns:
        (``RESAMPLES``, V).
    """
    digest = hashlib.sha256("\n".join(keys).encode(errors="surrogateescape")).hexdigest()
    rng = np.random.default_rng(derive_seed("bootstrap", digest))
    count = len(values)
    parts = []
    for _ in range(RESAMPLES // _PART):  # in parts, for sets of many images
        draws = rng.multinomial(count, np.full(count, 1 / count), size=_PART)
        with np.errstate(invalid="ignore"):  # an infinite value that is not drawn leaves no number, and no interval
            parts.append(draws @ values / count)
    means: Numbers = np.concatenate(parts)
    return means


def estimate(mean: float, resampled: Numbers, images: int, fewest: int | None = None) -> Estimate:
    """A mean with the interval of percentiles of its resampled values.

    Args:
        mean: The mean.
        resampled: (``RESAMPLES``,).
        images: Of how many images.
        fewest: How many images the smallest of its sets has, where it is of several.
    """
    if (images if fewest is None else fewest) < FEWEST or not np.isfinite(resampled).all():
        return Estimate(mean, None, None, images)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(mean, float(low), float(high), images)
