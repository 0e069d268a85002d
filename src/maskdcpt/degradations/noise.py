"""Noise that does not come from the scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.parameters import parameter


@dataclass(frozen=True)
class GaussianNoise(Level):
    """White Gaussian noise, independent in every pixel and channel: the benchmark of the denoising literature.

    The official MaskDCPT test adds it to encoded values and keeps the fractions of an 8-bit step, so the result is
    not rounded to 8 bit.
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
