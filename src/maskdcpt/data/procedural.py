"""Generated clean pictures with the statistics of photographs, for when there are no photographs."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.data.leaves import Array, Points, leaf_radii, outline, palette, rotation, texture
from maskdcpt.degradations.exact import power
from maskdcpt.errors import UserError
from maskdcpt.seeds import derive_seed

PATTERNS = ("plain", "rough", "rough", "smooth", "stripes")
"""Surfaces of leaves, each entry as likely as the others."""

SUBPIXEL_BITS = 4
"""Binary places of the coordinates that shapes are drawn at."""


def procedural_image(seed: int, size: tuple[int, int] = (256, 256)) -> Tensor:
    """Generates a picture that looks like an abstract scene, the same one for the same seed and size.

    It is a dead leaves picture (Lee, Mumford and Huang, "Occlusion models for natural images", IJCV 2001): shapes
    whose sizes follow a power law hide one another, which gives the edges, the flat regions and the 1 / f amplitude
    spectrum of photographs. Each shape has a colour, shading and texture of its own and may cast a shadow; a plain or
    cloudy ground lies behind, at times out of focus, and thin lines and lines of writing join them.

    Args:
        seed: Which picture.
        size: Height and width in pixels.

    Returns:
        (3, H, W) float32, multiples of 1/255 in [0, 1].

    Raises:
        UserError: If a side is less than one pixel.
    """
    if min(size) < 1:
        raise UserError(f"a picture needs at least 1 x 1 pixels, not {size[0]} x {size[1]}")
    rng = np.random.default_rng(derive_seed("procedural image", seed))
    scene = _Scene(size, rng)
    radii = leaf_radii(size, rng)
    out_of_focus = int(len(radii) * rng.uniform(0.2, 0.8)) if rng.random() < 0.3 else None
    for index, radius in enumerate(radii):
        if index == out_of_focus:
            scene.blur(rng.uniform(0.7, 2.5))
        scene.add_leaf(radius)
    for _ in range(rng.poisson(5)):
        scene.add_tuft()
    for _ in range(rng.poisson(2)):
        scene.add_wire()
    for _ in range(rng.poisson(0.7)):
        scene.add_writing()
    # No lens is sharper than this, and no photograph has the steps of a drawing.
    scene.blur(0.35)
    return torch.from_numpy(_tone(scene.canvas, rng)).mul(255).round().div(255)


class _Scene:
    """A picture in the making: the canvas (3, H, W), its colours and its textures.

    Everything in it, and everything added to it, is drawn from one generator.
    """

    def __init__(self, size: tuple[int, int], rng: Generator) -> None:
        self.size = size
        self.rng = rng
        self.palette = palette(rng)
        self.rough, self.smooth = texture(size, 0.6, rng), texture(size, 1.2, rng)
        top, bottom = self.colour(), self.colour()
        down = np.linspace(0, 1, size[0], dtype=np.float32)[:, None]
        self.canvas: Array = (top + (bottom - top) * down) * (1 + rng.uniform(0, 0.12) * self.smooth)
        # Above the horizon, where there is one, the ground stays free: a sky.
        self.horizon = size[0] * rng.uniform(0.2, 0.5) if rng.random() < 0.4 else 0.0
        # Small things come in groups, and leave quiet places between.
        self.clusters = rng.uniform((0, self.horizon), size[::-1], size=(5, 2))

    def colour(self) -> Array:
        """A colour of this picture, RGB (3, 1, 1) in [0, 1]."""
        picked: Array = self.palette[self.rng.integers(len(self.palette)), :, None, None]
        return picked

    def blur(self, sigma: float) -> None:
        """Puts everything so far out of focus by a deviation in pixels."""
        for plane in self.canvas:
            # In double precision, as filters in degradations/filters.py, so that all machines make the same picture.
            plane[:] = cv2.GaussianBlur(plane.astype(np.float64), (0, 0), sigma).reshape(plane.shape)

    def add_leaf(self, radius: float) -> None:
        """Adds a filled shape of about this radius in pixels, and at times its shadow."""
        rng = self.rng
        centre = self.clusters[rng.integers(len(self.clusters))] + rng.normal(0, 0.12 * max(self.size), size=2)
        if rng.random() < 0.4 or centre[1] < self.horizon:
            centre = rng.uniform((0, self.horizon), self.size[::-1])
        shape = centre + radius * outline(rng)
        if rng.random() < 0.3:
            offset = radius * rng.uniform(-0.15, 0.15, size=2)
            box, cover = self._cover(shape + offset, soft=0.08 * radius)
            self.canvas[:, *box] *= 1 - 0.5 * cover
        box, cover = self._cover(shape, soft=radius * rng.uniform(0.02, 0.1) if rng.random() < 0.15 else 0)
        below = self.canvas[:, *box]
        below += cover * (self.colour() * self._surface(box, centre, radius) - below)

    def _surface(self, box: tuple[slice, slice], centre: Points, radius: float) -> Array:
        """How bright a leaf is in each pixel of a box, (h, w): shading times texture, about 1 on average."""
        rng = self.rng
        left, top = centre.tolist()
        y = (np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None] - top) / radius
        x = (np.arange(box[1].start, box[1].stop, dtype=np.float32) - left) / radius
        tilt_y, tilt_x, dome = rng.normal(0, 0.15), rng.normal(0, 0.15), rng.uniform(0, 0.25)
        surface: Array = 1 + tilt_y * y + tilt_x * x - dome * (y * y + x * x - 0.5)
        pattern = PATTERNS[rng.integers(len(PATTERNS))]
        if pattern == "rough":
            surface *= 1 + rng.uniform(0.05, 0.25) * self.rough[box]
        elif pattern == "smooth":
            surface *= 1 + rng.uniform(0.05, 0.25) * self.smooth[box]
        elif pattern == "stripes":
            frequency, angle = 2 * math.pi * radius / rng.uniform(3, 24), rng.uniform(0, math.pi)
            phase = frequency * (math.cos(angle) * x + math.sin(angle) * y) + rng.uniform(0, 3) * self.smooth[box]
            depth, steepness = rng.uniform(0.05, 0.4), rng.uniform(0.5, 3)
            waves = np.tanh(steepness * np.sin(phase, dtype=np.float64))
            surface *= (1 + depth * waves).astype(np.float32)
        return surface

    def add_wire(self) -> None:
        """Adds a thin curved line from one place to another."""
        ends = self.rng.uniform(-0.1, 1.1, size=(3, 2)) * self.size[::-1]
        t = np.linspace(0, 1, 24)[:, None]
        curve = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t**2 * ends[2]
        self._stroke([curve], thickness=int(self.rng.integers(1, 3)))

    def add_tuft(self) -> None:
        """Adds a tuft of short thin blades, or hairs, or twigs."""
        rng = self.rng
        count = int(rng.integers(20, 120))
        foot = self.clusters[rng.integers(len(self.clusters))] + rng.normal(0, rng.uniform(8, 40), size=(count, 2))
        angle = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.4, size=count)
        blade = rng.uniform(3, 20) * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        bend = rng.normal(0, 1.5, size=(count, 2))
        self._stroke(list(np.stack([foot, foot + blade / 2 + bend, foot + blade], axis=1)), thickness=1)

    def add_writing(self) -> None:
        """Adds a few lines of letters that mean nothing."""
        rng = self.rng
        height, corner = rng.uniform(5, 14), rng.uniform(0, 0.8, size=2) * self.size[::-1]
        rows, letters = 1.7 * np.arange(rng.integers(1, 5)), np.arange(rng.integers(4, 16))
        cells = np.stack(np.meshgrid(letters, rows), axis=-1).reshape(-1, 1, 2)
        # A letter is a broken line that turns at right angles between the points of a 2 x 3 raster.
        x, y = rng.integers(0, 2, size=(len(cells), 3)), rng.integers(0, 3, size=(len(cells), 3))
        points = np.stack([x.repeat(2, axis=1)[:, 1:], y.repeat(2, axis=1)[:, :-1]], axis=-1) / (1.6, 2)
        glyphs = (cells + points)[rng.random(len(cells)) < 0.85] * (0.7 * height, height)
        self._stroke(list(corner + glyphs @ rotation(rng.normal(0, 0.15))), thickness=1 + int(height > 10))

    def _stroke(self, lines: list[Points], thickness: int) -> None:
        cover = np.zeros(self.size, dtype=np.uint8)
        cv2.polylines(cover, [_fixed(line) for line in lines], False, 255, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
        self.canvas += np.multiply(cover, 1 / 255, dtype=np.float32) * (self.colour() - self.canvas)

    def _cover(self, shape: Points, soft: float) -> tuple[tuple[slice, slice], Array]:
        """The box around an outline, within the canvas, and how much of each pixel in it is covered, (h, w)."""
        margin = 2 + 3 * soft
        (left, top), (right, bottom) = shape.min(axis=0) - margin, shape.max(axis=0) + margin
        rows, columns = _span(top, bottom, self.size[0]), _span(left, right, self.size[1])
        cover = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.uint8)
        cv2.fillPoly(cover, [_fixed(shape - (columns.start, rows.start))], 255, cv2.LINE_AA, SUBPIXEL_BITS)
        if soft > 0:
            cover = cv2.GaussianBlur(cover, (0, 0), soft).reshape(cover.shape)
        return (rows, columns), np.multiply(cover, 1 / 255, dtype=np.float32)


def _span(low: float, high: float, limit: int) -> slice:
    """The pixels between two positions that lie in [0, limit), at least one."""
    start = min(max(int(low), 0), limit - 1)
    return slice(start, min(max(int(high) + 1, start + 1), limit))


def _fixed(points: Points) -> NDArray[np.int32]:
    """Points in the fixed-point form that OpenCV draws."""
    fixed: NDArray[np.int32] = np.round(points * 2**SUBPIXEL_BITS).astype(np.int32)
    return fixed


def _tone(canvas: Array, rng: Generator) -> Array:
    """Gives a picture (3, H, W) of any range the black point, the white point and the mean of a photograph.

    Flat light and distance leave an end of the range unused in many photographs, some are dark and some bright, and in
    some a sky or a wall is blown out to plain white. A network that has seen nothing but the full range takes whatever
    is pale for damaged.
    """
    blown = max(0.005, rng.uniform(0, 0.65) ** 2 if rng.random() < 0.3 else 0.0)  # share of values that are white
    low, high = np.quantile(canvas[:, ::3, ::3], (0.005, 1 - blown)).tolist()
    stretched = np.clip((canvas - low) / max(high - low, 0.1), 1e-6, 1)
    black = min(abs(rng.normal(0, 0.08)), 0.3)
    white = min(max(1.05 - abs(rng.normal(0, 0.16)), 0.6), 1.0)
    means = (stretched.mean(), (rng.normal(0.42 + 0.6 * blown, 0.11) - black) / (white - black))
    before, after = np.log(np.clip(means, 0.05, 0.95))
    gamma = min(max(after / before, 0.5), 2.5)
    return np.float32(black) + np.float32(white - black) * power(stretched, gamma)
