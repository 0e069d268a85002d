"""Rain between the camera and the scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.raster import splat


class RainLayer(NamedTuple):
    """Drops at about one distance from the camera."""

    scale: float
    """Apparent size, 1 = nearest."""
    opacity: float
    """Share of the background that the middle of a strong streak hides."""

    @property
    def share(self) -> float:
        """Relative number of drops: the volume in view grows with the square of the distance."""
        return self.scale**-2

    @property
    def blur(self) -> float:
        """Standard deviation across a streak, in pixels."""
        return 0.8 * self.scale


RAIN_LAYERS = (RainLayer(1.0, 0.7), RainLayer(0.7, 0.55), RainLayer(0.5, 0.4))


@dataclass(frozen=True)
class RainStreak(Level):
    """Rain: falling drops drawn into streaks by the exposure.

    After Garg and Nayar ("Vision and rain", IJCV 2007): a drop gathers light from a wide angle and is therefore
    brighter than most of what it hides; moving, it covers each point for a part of the exposure only, so a streak is
    transparent. Near drops give few, long and wide streaks, far drops many short and thin ones, and drops too far
    to be seen one by one a faint veil. All fall in one direction near the vertical, with a little scatter.
    """

    type_name: ClassVar[str] = "rain_streak"
    title: ClassVar[str] = "Rain streaks"

    density: float = parameter(0, 500, "streaks per 10 000 pixels")
    """Streaks that begin in 10 000 pixels, over all distances."""

    length: float = parameter(1, 200, "pixels of the nearest streaks")
    """Mean length of the nearest streaks in pixels."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Composes the picture with bright drops."""
        size = (image.shape[1], image.shape[2])
        direction = np.clip(rng.normal(0, np.radians(14)), -0.6, 0.6)
        brightness = rng.uniform(0.8, 0.95)
        shares = sum(layer.share for layer in RAIN_LAYERS)
        # Transparent things in a row multiply what passes, so their optical depths add.
        depth = np.full(size, 2e-5 * self.density * self.length)
        for layer in RAIN_LAYERS:
            density = self.density * layer.share / shares
            streaks = draw_streaks(size, density, self.length * layer.scale, direction, rng)
            # The blur spreads a line over its width; this keeps the opacity in its middle.
            peak = -np.log(1 - layer.opacity) * np.sqrt(2 * np.pi) * max(layer.blur, 0.5)
            depth += peak * cv2.GaussianBlur(streaks, (0, 0), layer.blur)
        passing = np.exp(-depth).astype(np.float32)
        degraded: Pixels = image * passing + brightness * (1 - passing)
        return degraded


def draw_streaks(
    size: tuple[int, int], density: float, length: float, direction: float, rng: Generator
) -> NDArray[np.float64]:
    """Draws lines of random place, length and strength.

    Args:
        size: Height and width of the picture.
        density: Lines per 10 000 pixels, whatever the size of the picture.
        length: Mean length in pixels.
        direction: Mean angle to the vertical in radians.
        rng: Draws number, places, lengths, directions and strengths.

    Returns:
        How much line there is in each pixel, (H, W): near 1 along the middle of a strong line.
    """
    height, width = size
    # Lines that begin outside reach into the picture too.
    margin = 1.5 * length
    count = rng.poisson(density * 1e-4 * (height + 2 * margin) * (width + 2 * margin))
    row = rng.uniform(-margin, height + margin, size=(count, 1))
    column = rng.uniform(-margin, width + margin, size=(count, 1))
    extent = length * rng.uniform(0.5, 1.5, size=(count, 1))
    angle = direction + rng.normal(0, np.radians(2), size=(count, 1))
    strength = rng.uniform(0.2, 1.0, size=(count, 1))
    along = np.linspace(-0.5, 0.5, int(np.ceil(1.5 * length)) + 1)
    # Even along most of the line, with soft ends.
    weight = strength * (1 - (2 * along) ** 4) * extent / along.size
    return splat(row + extent * np.cos(angle) * along, column + extent * np.sin(angle) * along, weight, size)
