"""Kinds of damage that come together, as in the mixed sets of UIR-2.5M."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.chain import Composite
from maskdcpt.degradations.compression import Jpeg
from maskdcpt.degradations.defocus import Defocus
from maskdcpt.degradations.filters import convolve
from maskdcpt.degradations.haze import Haze
from maskdcpt.degradations.low_light import LowLight, add_sensor_noise, darken
from maskdcpt.degradations.motion_blur import MotionBlur, shake_kernel
from maskdcpt.degradations.parameters import choice, parameter
from maskdcpt.degradations.rain import RainStreak
from maskdcpt.degradations.raindrop import Raindrop
from maskdcpt.degradations.sensor import SensorNoise
from maskdcpt.degradations.snow import Snow
from maskdcpt.degradations.transfer import to_encoded


@dataclass(frozen=True)
class BlurJpeg(Composite):
    """A shaken photo, saved as JPEG.

    As in REDS (Nah et al., CVPR workshops 2019) and RealBlur-J (Rim et al., ECCV 2020).
    """

    type_name: ClassVar[str] = "blur_jpeg"
    title: ClassVar[str] = "Motion blur and JPEG"

    length: float = parameter(1, 201, "pixels along the path of the camera")
    """As for ``MotionBlur``."""

    quality: int = parameter(1, 100, "of the JPEG codec", whole=True)
    """As for ``Jpeg``."""

    def parts(self) -> tuple[Level, ...]:
        """Shakes, then compresses."""
        return MotionBlur(self.length), Jpeg(self.quality)


@dataclass(frozen=True)
class BlurRain(Composite):
    """Drops on the pane of a camera that is not focused on all of the scene.

    RainDropClarity (Jin et al., "Raindrop clarity: a dual-focused dataset for day and night raindrop removal", ECCV
    2024) has such photos: the nearer the camera focuses to the drops, the more is the scene behind them blurred.
    """

    type_name: ClassVar[str] = "blur_rain"
    title: ClassVar[str] = "Defocus blur and raindrops"

    radius: float = parameter(0.5, 30, "pixels of the disc of blur")
    """As for ``Defocus``."""

    count: float = parameter(0, 300, "drops per 256 x 256 pixels")
    """As for ``Raindrop``; their mean radius is 11 pixels."""

    def parts(self) -> tuple[Level, ...]:
        """Blurs the scene, then puts drops in front of it."""
        return Defocus(self.radius), Raindrop(self.count, 11)


@dataclass(frozen=True)
class LowLightBlur(Level):
    """A photo of a dark scene, shaken during its long exposure, with or without noise.

    In the order of LOL-Blur (Zhou, Li and Loy, "LEDNet", ECCV 2022): the scene is darkened, its light is averaged along
    the path of the camera, and the sensor adds its noise, which is therefore not blurred.
    """

    type_name: ClassVar[str] = "low_light_blur"
    title: ClassVar[str] = "Low light, motion blur and noise"

    gamma: float = parameter(1, 8, "exponent on encoded values")
    """As for ``LowLight``."""

    length: float = parameter(1, 201, "pixels along the path of the camera")
    """As for ``MotionBlur``."""

    noise: str = choice("off", "on")
    """Whether the sensor adds the noise of a gain of 2^(gamma - 1)."""

    def ingredients(self) -> tuple[type[Level], ...]:
        """Darkness and shake, and the sensor's noise where it is on."""
        return (LowLight, MotionBlur) if self.noise == "off" else (LowLight, MotionBlur, SensorNoise)

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Darkens, shakes, adds noise."""
        kernel = shake_kernel(self.length, rng).astype(np.float32)
        light = np.maximum(convolve(darken(image, self.gamma, rng), kernel), 0)
        return to_encoded(light if self.noise == "off" else add_sensor_noise(light, 2 ** (self.gamma - 1), rng))


WEATHER = {"low": LowLight(2), "rain": RainStreak(35, 30), "snow": Snow("medium", 25), "haze": Haze(0.1, 0.75)}
"""What the words of ``LowLightWeather.mix`` stand for, in the order in which light meets them."""

MIXES = ("low_haze", "low_rain", "low_snow", "haze_rain", "haze_snow", "low_haze_rain", "low_haze_snow")
"""Two or three of them at a time."""


@dataclass(frozen=True)
class LowLightWeather(Composite):
    """Two or three of low light, haze, and rain or snow, as in CDD.

    CDD-11 (Guo et al., "OneRestore", ECCV 2024) darkens a scene, lets rain or snow fall in it and hides it in haze, in
    this order and with an airlight that is as bright by night. Of its combinations these are the mixed ones.
    """

    type_name: ClassVar[str] = "low_light_weather"
    title: ClassVar[str] = "Low light, haze, rain and snow"

    mix: str = choice(*MIXES)
    """What comes together."""

    def parts(self) -> tuple[Level, ...]:
        """The named ones, darkness first and haze last."""
        names = self.mix.split("_")
        return tuple(level for name, level in WEATHER.items() if name in names)
