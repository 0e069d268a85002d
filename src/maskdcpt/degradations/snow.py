"""Snow between the camera and the scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.exact import exp
from maskdcpt.degradations.parameters import choice, parameter
from maskdcpt.degradations.raster import splat


class FlakeLayer(NamedTuple):
    """Flakes at about one distance from the camera."""

    blur: float
    """Standard deviation of a flake's soft parts in pixels; its size grows with it."""
    share: float
    """Relative number of flakes."""
    opacity: float
    """Share of the background that the middle of the strongest flakes at rest hides."""
    parts: int
    """Soft parts that make up a flake."""


SNOW_LAYERS = {
    "small": FlakeLayer(0.7, 1.0, 0.95, 3),
    "medium": FlakeLayer(1.6, 0.3, 0.92, 5),
    "large": FlakeLayer(3.6, 0.06, 0.85, 7),
}
"""Far to near."""

VEIL = FlakeLayer(0.5, 6.0, 0.25, 1)
"""Flakes too far to be seen one by one."""


@dataclass(frozen=True)
class Snow(Level):
    """Falling snow in up to three sizes.

    Snow100K (Liu et al., "DesnowNet", IEEE TIP 2018) has small flakes only, small and medium ones, or all three sizes;
    the falling direction is shared with some scatter and a veil of far snow is added as in the sets of Chen et al.
    (JSTASR, ECCV 2020; CSD, ICCV 2021). Those paste masks made by hand; here a flake is a cluster of soft spots drawn
    along its way during the exposure. Near flakes are larger, softer and more transparent, and so are those that move
    further, since they cover each point for a part of the exposure only. Optical depths of all flakes add.
    """

    type_name: ClassVar[str] = "snow"
    title: ClassVar[str] = "Snow"

    size: str = choice(*SNOW_LAYERS)
    """The largest size of flakes that occurs; the smaller ones occur too."""

    density: float = parameter(0, 500, "flakes per 10 000 pixels")
    """Flakes of all sizes in 10 000 pixels, without the veil."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Composes the picture with white flakes."""
        area = (image.shape[1], image.shape[2])
        direction = float(np.clip(rng.normal(0, 0.5), -1.2, 1.2))
        speed = rng.uniform(0.5, 7)
        brightness = rng.uniform(0.92, 1.0)
        names = tuple(SNOW_LAYERS)
        layers = [SNOW_LAYERS[name] for name in names[: names.index(self.size) + 1]]
        shares = sum(layer.share for layer in layers)
        depth = np.full(area, 6e-4 * self.density, dtype=np.float32)
        for layer in (VEIL, *layers):
            depth += draw_flakes(area, layer, self.density * layer.share / shares, direction, speed, rng)
        passing = exp(-depth)
        degraded: Pixels = image * passing
        degraded += brightness * (1 - passing)
        return degraded


def draw_flakes(
    area: tuple[int, int], layer: FlakeLayer, density: float, direction: float, speed: float, rng: Generator
) -> Pixels:
    """Draws flakes of random place, size and outline.

    Args:
        area: Height and width of the picture.
        layer: What the flakes are like.
        density: Flakes per 10 000 pixels, whatever the size of the picture.
        direction: Mean angle of the fall to the vertical in radians.
        speed: Way during the exposure in units of the layer's blur.
        rng: Draws number, places, sizes, outlines, strengths, directions and speeds.

    Returns:
        Optical depth, (H, W): that of the layer's opacity in the middle of the strongest flakes at rest.
    """
    height, width = area
    margin = (4 + speed) * layer.blur
    count = rng.poisson(density * 1e-4 * (height + 2 * margin) * (width + 2 * margin))
    middle = rng.uniform(-margin, np.add(area, margin), size=(count, 2))
    extent = rng.lognormal(0, 0.4, size=(count, 1, 1))
    spots = middle[:, None] + rng.normal(0, 0.8 * layer.blur, size=(count, layer.parts, 2)) * extent
    angle = direction + rng.normal(0, 0.2, size=count)
    way = speed * layer.blur * rng.uniform(0.6, 1.4, size=(count, 1)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    time = np.linspace(-0.5, 0.5, int(np.ceil(speed)) + 1)
    points = spots[:, :, None] + way[:, None, None] * time[:, None]
    # Larger flakes have more to spread over their area.
    spread = 2 * np.pi * layer.blur**2 * (1 + 0.64 * extent**2)
    peak = -np.log(1 - layer.opacity) * rng.uniform(0.2, 1.0, size=(count, 1, 1))
    weight = np.broadcast_to(peak * spread / (layer.parts * time.size), points.shape[:3])
    drawn = splat(points[..., 0], points[..., 1], weight, area)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), layer.blur), dtype=np.float32)
