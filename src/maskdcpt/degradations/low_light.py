"""Too little light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.exact import power
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.transfer import to_encoded, to_linear

SHOT_VARIANCE = 2e-4
"""Variance of photon noise per unit of linear light at gain 1: a full well of 5000 electrons."""

READ_DEVIATION = 1.5e-4
"""Standard deviation of read noise in linear light at gain 1: about one electron."""


@dataclass(frozen=True)
class LowLight(Level):
    """A scene with too little light, taken with a raised gain.

    The illumination of a pixel is taken to be its largest channel T, as in Retinex methods (Guo, Li and Ling, "LIME",
    IEEE TIP 2017). It is lowered to e T^gamma, the synthetic low light of Lv, Li and Lu ("Attention guided low-light
    image enhancement", IJCV 2021), which leaves the ratio of the channels, and so the colours, alone. The exposure e
    falls with gamma, or a bright sky would stay a bright sky.

    The sensor sees that light through slightly wrong white balance and adds, in linear light, Gaussian noise of
    variance g s x + (g r)^2: photon noise s and read noise r, amplified by the gain g (Foi et al., "Practical
    Poissonian-Gaussian noise modeling", IEEE TIP 2008). A darker scene needs a higher gain: g = 2^(gamma - 1).
    """

    type_name: ClassVar[str] = "low_light"
    title: ClassVar[str] = "Low light"

    gamma: float = parameter(1, 8, "exponent on encoded values")
    """Exponent on the encoded illumination, without unit; 1 leaves the scene about as bright as it is."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Darkens, tints and adds the sensor's noise."""
        light = darken(image, self.gamma, rng)
        return to_encoded(add_sensor_noise(light, 2 ** (self.gamma - 1), rng))


def darken(image: Pixels, gamma: float, rng: Generator) -> Pixels:
    """The little light that reaches the sensor from a scene, through slightly wrong white balance.

    Args:
        image: The scene well lit, encoded, (3, H, W).
        gamma: As for ``LowLight``.
        rng: Draws exposure and white balance.

    Returns:
        Linear light, (3, H, W).
    """
    exposure = 2 ** ((1 - gamma) / 6) * rng.uniform(0.9, 1.0)
    illumination = image.max(axis=0)
    dark = image * (exposure * power(illumination, gamma - 1))
    balance = np.exp(rng.normal(0, 0.08, size=(3, 1, 1)))
    light: Pixels = to_linear(dark) * (balance / balance.max()).astype(np.float32)
    return light


def add_sensor_noise(light: Pixels, gain: float, rng: Generator) -> Pixels:
    """Adds photon and read noise at a gain, in linear light (3, H, W)."""
    deviation = np.sqrt(gain * SHOT_VARIANCE * light + (gain * READ_DEVIATION) ** 2)
    noisy: Pixels = light + deviation * rng.standard_normal(light.shape, dtype=np.float32)
    return noisy
