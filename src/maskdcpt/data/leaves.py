"""What the leaves of a generated picture are made of: sizes, outlines, textures and colours."""

from __future__ import annotations

import colorsys
import math
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float32]
"""Pixel values, (3, H, W) or (H, W)."""

Points: TypeAlias = NDArray[np.float64]
"""Positions (..., 2) in pixels: across, down."""

SMALLEST_RADIUS = 8.0
"""Radius of the smallest leaves in pixels."""

COVERAGE = 1.6
"""Area of all leaves over the area of the picture."""

COMMON_HUES = (15, 28, 35, 45, 75, 100, 205, 215)
"""Hues in degrees that photographs are full of: skin, wood, earth, sand, leaves, grass, sky, water."""

SHAPES = ("ellipse", "blob", "polygon", "box")
"""Outlines of leaves, each as likely as the others."""


def outline(rng: Generator) -> Points:
    """A closed curve about the origin with a radius of about 1, (n, 2): ellipse, blob, polygon or rectangle."""
    shape = SHAPES[rng.integers(len(SHAPES))]
    corners = {"polygon": int(rng.integers(3, 8)), "box": 4}.get(shape, 32)
    # Half a step off the axes, so that four corners are those of an upright rectangle.
    angle = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    distance = np.ones(corners)
    if shape == "polygon":
        angle += rng.uniform(-0.4, 0.4, size=corners)
    elif shape == "blob":
        waves = np.arange(2, 6)
        distance += np.cos(np.outer(angle, waves) + rng.uniform(0, 2 * np.pi, size=4)) @ rng.normal(0, 0.35 / waves)
    stretch = np.exp(rng.normal(0, 0.4))
    points = np.stack([np.cos(angle) * distance * stretch, np.sin(angle) * distance / stretch], axis=-1)
    # Much of what people build stands upright.
    upright = shape == "box" and rng.random() < 0.6
    turned: Points = points @ rotation(rng.normal(0, 0.04) if upright else rng.uniform(0, 2 * np.pi))
    return turned


def rotation(angle: float) -> Points:
    """The matrix that turns row vectors by an angle in radians."""
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


def leaf_radii(size: tuple[int, int], rng: Generator) -> list[float]:
    """Radii of all leaves in pixels, in the order of painting: density r^-3, the scale-invariant one."""
    largest = max(0.45 * min(size), 1.5 * SMALLEST_RADIUS)
    low, high = SMALLEST_RADIUS**-2, largest**-2
    mean_area = 2 * np.pi * np.log(largest / SMALLEST_RADIUS) / (low - high)
    count = int(np.ceil(COVERAGE * size[0] * size[1] / mean_area))
    radii: list[float] = ((low - (low - high) * rng.random(count)) ** -0.5).tolist()
    return radii


def texture(size: tuple[int, int], slope: float, rng: Generator) -> Array:
    """Noise (H, W) with an amplitude spectrum of 1 / f^slope, mean 0 and deviation 1."""
    white = np.fft.rfft2(rng.standard_normal(size, dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])).astype(np.float32)
    frequency[0, 0] = np.inf
    # Powers in double precision, for those in single precision differ between processors in their last bits.
    field = np.fft.irfft2(white / np.power(frequency, slope, dtype=np.float64).astype(np.float32), size)
    scaled: Array = (field / max(field.std(), 1e-6)).astype(np.float32)
    return scaled


def palette(rng: Generator) -> Array:
    """The colours of one picture, (n, 3): pale ones around two common hues, and rarely a vivid one."""
    count = 8
    hue = rng.choice(COMMON_HUES, size=2)[rng.integers(2, size=count)] + rng.normal(0, 15, count)
    vivid = rng.random(count) < 0.1
    hue = np.where(vivid, rng.uniform(0, 360, count), hue) % 360
    saturation = np.where(vivid, rng.uniform(0.5, 0.9, count), rng.beta(1.5, 3.5, count))
    value = rng.beta(1.2, 1.2, count) * 0.9 + 0.05
    hsv = np.stack([hue / 360, saturation, value], axis=-1).tolist()
    return np.array([colorsys.hsv_to_rgb(*colour) for colour in hsv], dtype=np.float32)
