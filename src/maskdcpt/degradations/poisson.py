"""Exact Poisson numbers for the 256 levels of an 8-bit image, by table."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

CELL_BITS = 10
"""Uniform numbers that agree in so many leading bits share one entry of the guide."""


class CountTable(NamedTuple):
    """Distribution functions of 256 Poisson variables, for uniform numbers of 32 bits."""

    last: NDArray[np.uint32]
    """Largest uniform number that means ``count`` or less, flat: index ``level * columns + count``."""

    columns: int
    """Counts from 0 that are told apart."""

    guide: NDArray[np.int32]
    """Where in ``last`` to begin looking, flat: index ``level << CELL_BITS | cell``."""


def poisson_counts(levels: NDArray[np.uint8], photons: int, rng: Generator) -> NDArray[np.int32]:
    """Draws a Poisson number of mean ``photons * level / 255`` for every level, independently.

    Inversion of the distribution function, exact but for the rounding of probabilities to 2^-32. It is several times as
    fast as ``Generator.poisson``, which computes a logarithm or two for each number.

    Args:
        levels: 8-bit values, any shape.
        photons: Mean of the brightest level, 1 to 256.
        rng: Draws.

    Returns:
        Counts, in the shape of the levels.
    """
    table = count_table(photons)
    uniform = rng.integers(2**32, size=levels.size, dtype=np.uint32)
    row = levels.ravel().astype(np.int32)
    cell = row << CELL_BITS
    cell |= (uniform >> (32 - CELL_BITS)).astype(np.int32)
    place = table.guide.take(cell)
    # One step up is enough for all but the few cells in the tails that hold several counts.
    short = uniform > table.last.take(place)
    place += short
    pending = np.flatnonzero(short)
    while pending.size:
        pending = pending[uniform[pending] > table.last[place[pending]]]
        place[pending] += 1
    row *= table.columns
    place -= row
    return place.reshape(levels.shape)


@cache
def count_table(photons: int) -> CountTable:
    """The distributions of Poisson variables of means ``photons * level / 255``, level 0 to 255."""
    mean = photons * np.arange(256)[:, None] / 255
    # Beyond eight deviations nothing is left at 32 bits.
    columns = photons + int(8 * photons**0.5) + 16
    ratios = np.concatenate([np.exp(-mean), mean / np.arange(1, columns)], axis=1)
    probability = np.cumprod(ratios, axis=1)
    last = np.rint(np.minimum(np.cumsum(probability, axis=1), 1) * 2.0**32).astype(np.int64) - 1
    last[:, -1] = 2**32 - 1
    starts = np.arange(2**CELL_BITS, dtype=np.int64) << (32 - CELL_BITS)
    guide = np.stack([np.searchsorted(row, starts) + level * columns for level, row in enumerate(last)])
    # A count of no probability has -1 there. The guide is past it.
    return CountTable(last.clip(0).astype(np.uint32).ravel(), columns, guide.astype(np.int32).ravel())
