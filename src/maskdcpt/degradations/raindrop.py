"""Drops of water on a pane in front of the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.exact import log
from maskdcpt.degradations.limits import WARPED, require_sides
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.raster import splat
from maskdcpt.degradations.transfer import to_encoded, to_linear

SPREAD = 0.5
"""Standard deviation of the bells that make up a drop, in mean radii."""

PARTS = 4
"""Bells in a drop. One alone is a circle."""

FIELD = 0.45
"""How far a drop's view reaches half-way out, in sides of the picture; near its rim it reaches three times as far."""


class Drops(NamedTuple):
    """Drops on a grid that is coarser than the picture if drops are large."""

    log: Pixels
    """Logarithm of the sum of bells over the threshold, (h, w): positive inside drops."""
    slope: Pixels
    """How it grows per pixel of the picture, down and across, (2, h, w)."""
    brightness: Pixels
    """Factor on the light of the drop that a point belongs to, (h, w)."""


@dataclass(frozen=True)
class Raindrop(Level):
    """Drops on a pane, out of the focus of a camera that looks through it at the scene.

    A drop is a lens with a very short focal length: it shows a wide view of the scene upside down, the sky bright at
    its bottom and a dark rim where rays are bent beyond the scene (Roser and Geiger, "Video-based raindrop detection
    for improved image registration", ICCV workshops 2009; You et al., "Adherent raindrop modeling, detection and
    removal in video", IEEE PAMI 2016). Picture and drops mix as in Qian et al. ("Attentive generative adversarial
    network for raindrop removal", CVPR 2018), I = (1 - M) B + R, but in linear light and with a soft mask M.

    Drops are the places where a sum of Gaussian bells is above a threshold, so that near ones run into each other.
    The optics are a fit: instead of tracing rays through a curved surface, a drop maps the distance from its middle to
    that in the scene. What lies above the picture is taken to be sky, as bright as the brightest part of the picture;
    beyond the other sides the picture is mirrored.
    """

    type_name: ClassVar[str] = "raindrop"
    title: ClassVar[str] = "Raindrops on glass"

    count: float = parameter(0, 300, "drops per 256 x 256 pixels")
    """Mean number of drops in 256 x 256 pixels."""

    radius: float = parameter(2, 60, "pixels, mean of all drops")
    """Mean radius of the drops in pixels."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Covers the light with drops."""
        if self.count == 0:
            return image.copy()
        require_sides(image, WARPED, self.type_name)
        _, height, width = image.shape
        light = np.ascontiguousarray(to_linear(image).transpose(1, 2, 0))
        shown = refract(light, draw_drops((height, width), self.count, self.radius, rng), self.radius)
        blur = self.radius * rng.uniform(0.08, 0.22)
        rows, columns = shown.shape[:2]
        soft = cv2.GaussianBlur(shown, (0, 0), blur * columns / width, sigmaY=blur * rows / height)
        # Unlike resize, warpAffine gives the same on all processors.
        scale = np.array([columns / width, rows / height])
        grid = np.column_stack([np.diag(scale), (scale - 1) / 2])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        large = cv2.warpAffine(soft, grid, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        drops = large.astype(np.float32).transpose(2, 0, 1)
        return to_encoded(light.transpose(2, 0, 1) * (1 - drops[3]) + drops[:3])


def draw_drops(size: tuple[int, int], count: float, radius: float, rng: Generator) -> Drops:
    """Draws drops of random place, size, outline and brightness.

    Args:
        size: Height and width of the picture.
        count: Drops per 256 x 256 pixels, more than 0.
        radius: Mean radius in pixels.
        rng: Draws the drops.

    Returns:
        The drops on a grid of 7 points to a radius, or one point to a pixel if that is coarser.
    """
    shape = np.ceil(np.array(size) / max(radius / 7, 1)).astype(int)
    step = size / shape
    margin = 3 * radius
    # Drops take up the water around them, so they keep apart: one is somewhere in each cell of a grid.
    cell = 256 / np.sqrt(count)
    start = rng.uniform(-1, 0, size=2) * cell - margin
    cells = np.indices(np.ceil((np.add(size, margin) - start) / cell).astype(int)).reshape(2, -1).T
    middle = start + (cells + rng.uniform(0, 1, size=cells.shape)) * cell
    extent = radius * np.clip(rng.lognormal(-0.13, 0.4, size=(len(cells), 1)), 0.35, 1.75)
    # Gravity pulls drops longer, and each has its own outline.
    offset = rng.normal((0.1, 0), (0.34, 0.2), size=(len(cells), PARTS, 2)) * extent[..., None]
    # A bell of this weight falls to 1 at the drop's radius.
    sigma = SPREAD * radius / step
    peak = np.exp((extent / (SPREAD * radius)) ** 2 / 2)
    weight = peak * np.full(PARTS, 2 * np.pi * sigma.prod() / PARTS)
    brightness = rng.lognormal(0, 0.15, size=(len(cells), 1))

    # A point shared by the pixels around it is spread by a sixth of a pixel squared already.
    blur = np.sqrt(sigma**2 - 1 / 6)
    pad = np.ceil(margin / step).astype(int)
    place = (middle[:, None] + offset + 0.5) / step - 0.5 + pad
    frame = (int(shape[0] + 2 * pad[0]), int(shape[1] + 2 * pad[1]))

    def bells(weights: NDArray[np.float64]) -> Pixels:
        points = splat(place[..., 0], place[..., 1], weights, frame)
        total = cv2.GaussianBlur(points, (0, 0), blur[1], sigmaY=blur[0], borderType=cv2.BORDER_CONSTANT)
        return np.asarray(total, dtype=np.float32)

    total = np.maximum(bells(weight), np.float32(1e-3))
    height = log(total)
    slope = np.stack([np.gradient(height, step[axis], axis=axis) for axis in (0, 1)]).astype(np.float32)
    inner = (..., slice(pad[0], pad[0] + shape[0]), slice(pad[1], pad[1] + shape[1]))
    return Drops(height[inner], slope[inner], np.divide(bells(weight * brightness), total, dtype=np.float32)[inner])


def refract(light: Pixels, drops: Drops, radius: float) -> NDArray[np.float64]:
    """What drops show of a scene.

    Args:
        light: Linear light of the scene, (H, W, 3).
        drops: From ``draw_drops``.
        radius: Mean radius of the drops in pixels.

    Returns:
        The light of the drops times the share of the scene that they hide, and that share as the fourth channel,
        (h, w, 4).
    """
    height, width = light.shape[:2]
    rows, columns = drops.log.shape
    side = max(height, width)
    # The logarithm of a bell is a paraboloid: slope and height tell the way to its middle and the drop's radius.
    variance = (SPREAD * radius) ** 2
    inward = variance * drops.slope
    squared = np.square(inward).sum(axis=0)
    outer = squared + 2 * variance * np.maximum(drops.log, 0) + np.float32(1e-6)
    rim = squared / outer
    reach = 1 + FIELD * side / np.sqrt(outer * (1 - 0.9 * rim))
    row = inward[0] * reach + (np.arange(rows, dtype=np.float32)[:, None] + 0.5) * (height / rows)
    column = inward[1] * reach + (np.arange(columns, dtype=np.float32) + 0.5) * (width / columns)

    # A drop shows the scene small; a small picture of it has no detail that would alias.
    shrink = max(1.0, 0.6 * FIELD * side / radius)
    small = (int(np.ceil(width / shrink)), int(np.ceil(height / shrink)))
    # Last bits of OpenCV's filters differ between processors; in double precision they do not matter.
    scene = cv2.resize(light.astype(np.float64), small, interpolation=cv2.INTER_AREA).reshape(small[1], small[0], 3)
    view = cv2.remap(
        scene,
        column * np.float32(small[0] / width) - np.float32(0.5),
        row * np.float32(small[1] / height) - np.float32(0.5),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    sky = scene.reshape(-1, 3)[scene.sum(axis=2).argmax()]
    sky = (sky + sky.mean()) / 2
    above = np.clip(row / (-0.2 * side), 0, 1)[..., None]
    view = (view + above * (sky - view)) * (drops.brightness * (1 - 0.6 * np.square(np.square(rim))))[..., None]
    hidden = np.clip(0.5 + 2.5 * drops.log, 0, 1)[..., None]
    return np.concatenate([view * hidden, hidden], axis=2)
