"""Noise of the denoising literature, which knows nothing of cameras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.poisson import poisson_counts
from maskdcpt.images import LUMA


@dataclass(frozen=True)
class GaussianNoise(Level):
    """White Gaussian noise, independent in every pixel and channel: the benchmark of the denoising literature.

    The official MaskDCPT test adds it to encoded values and keeps the fractions of an 8-bit step, so the result is
    not rounded to 8 bit. Nearly all of the time goes into NumPy's draw, which is the same on all machines.
    """

    type_name: ClassVar[str] = "gaussian_noise"
    title: ClassVar[str] = "Gaussian noise"
    quantised: ClassVar[bool] = False

    sigma: float = parameter(0, 255, "standard deviation in 1/255")
    """Standard deviation before clipping, in 8-bit units (1/255)."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Adds the noise."""
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        noise *= self.sigma / 255
        noise += image
        return noise


@dataclass(frozen=True)
class GreyGaussianNoise(Level):
    """White Gaussian noise of brightness alone: one draw for the three channels of a pixel.

    The grey noise of the blind degradations of Real-ESRGAN (Wang et al., ICCV Workshops 2021). Like the coloured noise
    it is not rounded to 8 bit.
    """

    type_name: ClassVar[str] = "grey_gaussian_noise"
    title: ClassVar[str] = "Grey Gaussian noise"
    quantised: ClassVar[bool] = False

    sigma: float = parameter(0, 255, "standard deviation in 1/255")
    """Standard deviation before clipping, in 8-bit units (1/255)."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Adds the noise."""
        noise = rng.standard_normal(image.shape[1:], dtype=np.float32)
        noise *= self.sigma / 255
        return image + noise


@dataclass(frozen=True)
class PoissonNoise(Level):
    """Noise of counted photons, independent in every pixel and channel, on encoded values.

    As in the official MaskDCPT code and in Real-ESRGAN (Wang et al., ICCV Workshops 2021): the image q, rounded to
    8 bit, is counted with v photons for white, and ``scale * (Poisson(v q) / v - q)`` is added. v is the number of
    distinct values in q, rounded up to a power of two. So a picture of few values gets much noise, and one of a
    single value (v = 1) is hardly to be seen.
    """

    type_name: ClassVar[str] = "poisson_noise"
    title: ClassVar[str] = "Poisson noise"

    scale: float = parameter(0, 10, "times the noise of photons")
    """Factor on the noise; 1 is that of photons."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Adds the noise."""
        return _add_photon_noise(image, image, self.scale, rng)


@dataclass(frozen=True)
class GreyPoissonNoise(Level):
    """Noise of counted photons on brightness alone.

    As ``PoissonNoise``, but the noise is that of the grey image and the same in all channels.
    """

    type_name: ClassVar[str] = "grey_poisson_noise"
    title: ClassVar[str] = "Grey Poisson noise"

    scale: float = parameter(0, 10, "times the noise of photons")
    """Factor on the noise; 1 is that of photons."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Adds the noise."""
        # In double precision, since the order in which libraries add up depends on the processor.
        grey = np.tensordot(LUMA, image.astype(np.float64), 1).astype(np.float32)
        return _add_photon_noise(image, grey, self.scale, rng)


@dataclass(frozen=True)
class SaltPepperNoise(Level):
    """Impulse noise: values that are black or white by chance, half and half, independently in every channel.

    The model of dead and saturated cells and of lost bits (Gonzalez and Woods, "Digital image processing").
    """

    type_name: ClassVar[str] = "salt_pepper_noise"
    title: ClassVar[str] = "Salt-and-pepper noise"

    density: float = parameter(0, 100, "percent of the values")
    """Share of the values of each channel that are lost, in percent."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Loses values."""
        return _scatter_impulses(image, image.shape, self.density, rng)


@dataclass(frozen=True)
class GreySaltPepperNoise(Level):
    """Impulse noise that turns whole pixels black or white, half and half."""

    type_name: ClassVar[str] = "grey_salt_pepper_noise"
    title: ClassVar[str] = "Grey salt-and-pepper noise"

    density: float = parameter(0, 100, "percent of the pixels")
    """Share of the pixels that are lost, in percent."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Loses pixels."""
        return _scatter_impulses(image, image.shape[1:], self.density, rng)


def _add_photon_noise(image: Pixels, light: Pixels, scale: float, rng: Generator) -> Pixels:
    """Adds the noise of photons that are counted from ``light``, which is shaped as the image or one channel of it."""
    levels = np.rint(light * 255).astype(np.uint8)
    distinct = int(np.count_nonzero(cv2.calcHist([levels.reshape(1, -1)], [0], None, [256], [0, 256])))
    photons = 1 << (distinct - 1).bit_length()
    noise = poisson_counts(levels, photons, rng).astype(np.float32)
    noise *= scale / photons
    noise -= levels.astype(np.float32) * np.float32(scale / 255)
    return image + noise


def _scatter_impulses(image: Pixels, shape: tuple[int, ...], density: float, rng: Generator) -> Pixels:
    """Loses values, drawn in a shape that is the image's or that of one channel of it."""
    count = int(np.prod(shape))
    # Four numbers of 16 bits from one of 64: drawing is most of the work.
    chance = rng.integers(2**64, size=-(-count // 4), dtype=np.uint64).view(np.uint16)[:count].reshape(shape)
    half = round(density / 200 * 2**16)
    # Bytes, because NumPy multiplies floats by booleans much slower. Whatever is above 1 is clipped to white.
    degraded = np.multiply(image, (chance >= half).view(np.int8), dtype=np.float32)
    degraded += (chance >= 2**16 - half).view(np.int8)
    return degraded
