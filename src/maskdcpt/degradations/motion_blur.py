"""Blur by motion of the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.filters import convolve
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.raster import splat
from maskdcpt.degradations.transfer import to_encoded, to_linear

SAMPLES_PER_PIXEL = 8
"""Points drawn along each pixel of a camera path."""


@dataclass(frozen=True)
class MotionBlur(Level):
    """Blur by a hand-held camera that shakes during the exposure, the same everywhere in the picture.

    The path is a random smooth curve, as in Boracchi and Foi ("Modeling the performance of image restoration from
    motion blur", IEEE TIP 2012). A sensor sums light, so the average is taken in linear light: bright points leave
    bright trails, which an average of encoded values would not show.
    """

    type_name: ClassVar[str] = "motion_blur"
    title: ClassVar[str] = "Motion blur"

    length: float = parameter(1, 201, "pixels along the path of the camera")
    """Length of the path in pixels, along the curve."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Averages the light along a new path."""
        kernel = shake_kernel(self.length, rng).astype(np.float32)
        return to_encoded(convolve(to_linear(image), kernel))


def shake_path(length: float, rng: Generator) -> NDArray[np.complex128]:
    """A path of the camera during one exposure.

    Direction and speed change smoothly, each by a few random harmonics. The mean position is 0, so that the blurred
    picture is not shifted against the sharp one.

    Args:
        length: Length of the path in pixels.
        rng: Draws direction, bends and speed.

    Returns:
        Positions at equal steps of time in pixels, across + 1j * down.
    """
    time = np.linspace(0, 1, SAMPLES_PER_PIXEL * int(np.ceil(length)) + 1)
    heading = rng.uniform(0, 2 * np.pi) + wander(time, 0.9, rng)
    speed = np.exp(wander(time, 0.5, rng))
    path: NDArray[np.complex128] = np.cumsum(speed * np.exp(1j * heading)) * (length / speed.sum())
    path -= path.mean()
    return path


def shake_kernel(length: float, rng: Generator) -> NDArray[np.float64]:
    """The blur kernel of a random camera path; where the camera is slow it gathers more light.

    Args:
        length: Length of the path in pixels.
        rng: Draws the path.

    Returns:
        An odd square of non-negative weights that sum to 1, with the centre of gravity in the middle.
    """
    path = shake_path(length, rng)
    radius = int(np.ceil(max(np.abs(path.real).max(), np.abs(path.imag).max())))
    side = 2 * radius + 1
    kernel = splat(path.imag + radius, path.real + radius, np.full(path.shape, 1 / path.size), (side, side))
    kernel /= kernel.sum()
    return kernel


def wander(time: NDArray[np.float64], scale: float, rng: Generator) -> NDArray[np.float64]:
    """A smooth random function of time: three harmonics, the k-th with a deviation of scale / k.

    Args:
        time: Times in [0, 1], (n,).
        scale: Standard deviation of the amplitude of the lowest harmonic.
        rng: Draws amplitudes and phases.

    Returns:
        Its values, (n,).
    """
    harmonics = np.arange(1, 4)[:, None]
    amplitudes = rng.normal(0, scale, size=(3, 1)) / harmonics
    phases = rng.uniform(0, 2 * np.pi, size=(3, 1))
    wave: NDArray[np.float64] = (amplitudes * np.sin(np.pi * harmonics * time + phases)).sum(axis=0)
    return wave
