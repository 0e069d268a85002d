"""Pictures that have gone from hand to hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.compression import Jpeg
from maskdcpt.degradations.gaussian_blur import FAMILIES, GaussianBlur
from maskdcpt.degradations.noise import GaussianNoise, PoissonNoise
from maskdcpt.degradations.parameters import choice, parameter


class Strength(NamedTuple):
    """How much is done to a picture, as ranges that are drawn from."""

    blur: tuple[float, float]
    """Standard deviation in pixels."""
    sigma: tuple[float, float]
    """Of Gaussian noise, in 1/255."""
    photons: tuple[float, float]
    """Scale of Poisson noise, which half of the pictures get instead."""
    quality: tuple[int, int]
    """Of the JPEG file."""


STRENGTHS = {
    "weak": Strength((0.2, 0.8), (1, 5), (0.2, 0.8), (75, 95)),
    "medium": Strength((0.6, 1.6), (4, 12), (0.6, 1.6), (50, 75)),
    "strong": Strength((1.2, 2.8), (10, 25), (1.4, 3), (25, 50)),
}
"""Thirds of the ranges of Real-ESRGAN, about."""

SHRINK = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
"""Ways to make a picture smaller, each as likely as the others."""


@dataclass(frozen=True)
class LowQuality(Level):
    """A small, noisy, compressed copy of a picture, enlarged to its size again.

    The first of the two rounds of Real-ESRGAN (Wang et al., "Real-ESRGAN: Training real-world blind super-resolution
    with pure synthetic data", ICCV workshops 2021): blur, a smaller size, noise, JPEG; bicubic enlargement makes the
    result comparable with the picture. Noise and blocks are those of the small picture, and so appear enlarged.
    """

    type_name: ClassVar[str] = "low_quality"
    title: ClassVar[str] = "Low resolution, noise, blur and JPEG"

    scale: float = parameter(1, 8, "times smaller")
    """Factor by which height and width shrink before the picture is enlarged again."""

    strength: str = choice(*STRENGTHS)
    """How much blur, noise and compression."""

    def ingredients(self) -> tuple[type[Level], ...]:
        """Blur, noise and compression; a low resolution is no type of its own."""
        return GaussianBlur, GaussianNoise, Jpeg

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Blurs, shrinks, adds noise, compresses and enlarges."""
        _, height, width = image.shape
        strength = STRENGTHS[self.strength]
        blurred = GaussianBlur(str(rng.choice(FAMILIES)), *strength.blur).degrade(image, rng)
        size = (max(round(width / self.scale), 1), max(round(height / self.scale), 1))
        small = _resize(blurred, size, int(rng.choice(SHRINK)))
        if rng.random() < 0.5:
            noise: Level = GaussianNoise(rng.uniform(*strength.sigma))
        else:
            noise = PoissonNoise(rng.uniform(*strength.photons))
        noisy = np.clip(noise.degrade(small, rng), 0, 1)
        low, high = strength.quality
        compressed = Jpeg(int(rng.integers(low, high + 1))).degrade(noisy, rng)
        return _resize(compressed, (width, height), cv2.INTER_CUBIC)


def _resize(image: Pixels, size: tuple[int, int], way: int) -> Pixels:
    """Brings a picture to a width and height, values clipped to [0, 1]."""
    # In double precision, so that last bits do not matter, which differ between processors.
    planes = [cv2.resize(plane.astype(np.float64), size, interpolation=way) for plane in image]
    return np.stack(planes).reshape(3, size[1], size[0]).clip(0, 1).astype(np.float32)
