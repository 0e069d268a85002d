"""How near synthetic damage is to real damage, by statistics of the images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.images import LUMA

BINS = 32
"""Bins of brightness and of the dark channel over [0, 1]."""

STEPS = (0, 0.5, 1.5, 2.5, 4, 6, 9, 14, 21, 32, 48, 72, 108, 162, 256)
"""Bounds of the bins of differences between neighbours, in 1/255."""

NOISE_BINS = 8
"""Bins of brightness that noise is estimated in."""

BLOCK = 8
"""Side of the blocks that noise is estimated in, in pixels."""

PATCH = 15
"""Side of the patch of the dark channel, in pixels."""

Array = NDArray[np.float64]


class Statistics(NamedTuple):
    """What a set of images is like, on average over them."""

    brightness: Array
    """Share of pixels in each of ``BINS`` bins of luma."""
    differences: Array
    """Share of neighbours, across and down, whose luma differs by as much as the bins between ``STEPS`` say."""
    dark_channel: Array
    """Share of pixels in each of ``BINS`` bins of the dark channel: the smallest value of any channel in a patch (He,
    Sun and Tang, "Single image haze removal using dark channel prior", CVPR 2009). Clear scenes have a dark one."""
    noise: Array
    """Standard deviation of the noise of luma in 1/255 in each of ``NOISE_BINS`` bins of brightness, NaN where no image
    tells. It is taken from the calmest blocks, and so about a fifth too low where noise is all there is."""


def statistics(images: Iterable[Tensor]) -> Statistics:
    """The statistics of images (3, H, W) in [0, 1], each counting alike."""
    rows = [_statistics_of(image.cpu().numpy()) for image in images]
    noise = np.array([row.noise for row in rows])
    told = np.isfinite(noise)
    mean_noise = np.divide(
        np.where(told, noise, 0).sum(0), told.sum(0), out=np.full(NOISE_BINS, np.nan), where=told.any(0)
    )
    return Statistics(
        np.mean([row.brightness for row in rows], axis=0),
        np.mean([row.differences for row in rows], axis=0),
        np.mean([row.dark_channel for row in rows], axis=0),
        mean_noise,
    )


class Distances(NamedTuple):
    """How far two sets of images are apart."""

    brightness: float
    """Earth mover's distance of luma, in [0, 1]."""
    differences: float
    """Earth mover's distance of the differences between neighbours, in bins."""
    dark_channel: float
    """Earth mover's distance of the dark channel, in [0, 1]."""
    noise: float
    """Mean over the bins of brightness, told by both sets, of the difference of deviations, in 1/255."""


def distances(one: Statistics, other: Statistics) -> Distances:
    """Compares the statistics of two sets."""
    gaps = np.abs(one.noise - other.noise)
    return Distances(
        _earth_mover(one.brightness, other.brightness) / BINS,
        _earth_mover(one.differences, other.differences),
        _earth_mover(one.dark_channel, other.dark_channel) / BINS,
        float(gaps[np.isfinite(gaps)].mean()) if np.isfinite(gaps).any() else float("nan"),
    )


def _earth_mover(one: Array, other: Array) -> float:
    # On a line, what has to be moved past each bound between bins is the difference of the cumulated shares.
    return float(np.abs(np.cumsum(one - other)).sum())


def _statistics_of(image: NDArray[np.float32]) -> Statistics:
    luma = np.einsum("chw,c->hw", image, np.array(LUMA, np.float32))
    dark = cv2.erode(image.min(axis=0), np.ones((PATCH, PATCH), np.uint8))
    differences = np.concatenate([np.abs(np.diff(luma, axis=axis)).ravel() for axis in (0, 1)]) * 255
    return Statistics(
        _shares(luma, np.linspace(0, 1, BINS + 1)),
        _shares(differences, np.array(STEPS)),
        _shares(dark, np.linspace(0, 1, BINS + 1)),
        _noise(luma),
    )


def _shares(values: NDArray[Any], bounds: Array) -> Array:
    counts, _ = np.histogram(np.clip(values, bounds[0], bounds[-1]), bounds)
    shares: Array = counts / max(values.size, 1)
    return shares


def _noise(luma: NDArray[np.float32]) -> Array:
    # A difference of two Laplacians is blind to smooth structure (Immerkaer, "Fast noise variance estimation", CVIU
    # 1996); of the blocks of like brightness the calmest tenth has little structure left.
    height, width = (extent - extent % BLOCK for extent in luma.shape)
    result = np.full(NOISE_BINS, np.nan)
    if not height or not width:
        return result
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    residual = np.abs(cv2.filter2D(luma, -1, kernel, borderType=cv2.BORDER_REFLECT_101))
    level, spread = (
        values[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(1, 3)).ravel()
        for values in (luma, residual)
    )
    bins = np.minimum((level * NOISE_BINS).astype(int), NOISE_BINS - 1)
    for index in range(NOISE_BINS):
        found = spread[bins == index]
        if found.size >= 20:
            result[index] = np.sqrt(np.pi / 2) * np.quantile(found, 0.1) * 255
    return result
