"""Every type of degradation that the package knows: a class of levels and an entry here each."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import pi
from typing import Any

from maskdcpt.degradations.base import Level
from maskdcpt.degradations.composites import MIXES, BlurJpeg, BlurRain, LowLightBlur, LowLightWeather
from maskdcpt.degradations.compression import Jpeg, WebP
from maskdcpt.degradations.defocus import Defocus
from maskdcpt.degradations.frame_average import FrameAverage
from maskdcpt.degradations.gaussian_blur import FAMILIES, GaussianBlur, SincBlur
from maskdcpt.degradations.haze import Haze
from maskdcpt.degradations.low_light import LowLight
from maskdcpt.degradations.low_quality import STRENGTHS, LowQuality
from maskdcpt.degradations.moire import Moire
from maskdcpt.degradations.mosaic import PHASES, Mosaic
from maskdcpt.degradations.motion_blur import MotionBlur
from maskdcpt.degradations.noise import (
    GaussianNoise,
    GreyGaussianNoise,
    GreyPoissonNoise,
    GreySaltPepperNoise,
    PoissonNoise,
    SaltPepperNoise,
)
from maskdcpt.degradations.rain import RainStreak
from maskdcpt.degradations.raindrop import Raindrop
from maskdcpt.degradations.sensor import SensorNoise
from maskdcpt.degradations.snow import Snow
from maskdcpt.degradations.streak_drop import StreakDrop
from maskdcpt.degradations.types import Catalogue, Degradation

CATALOGUE = Catalogue(
    Degradation(
        name="noise",
        label=0,
        title="Noise",
        levels=(
            *(GaussianNoise(sigma) for sigma in range(5, 51, 5)),
            *(GreyGaussianNoise(sigma) for sigma in (10, 20, 30, 40, 50)),
            *(PoissonNoise(scale) for scale in (0.5, 1, 1.5, 2, 2.5, 3)),
            *(GreyPoissonNoise(scale) for scale in (1, 2, 3)),
            *(SaltPepperNoise(density) for density in (1, 2, 5, 10, 15, 20)),
            *(GreySaltPepperNoise(density) for density in (2, 10, 20)),
        ),
        held_out=(GaussianNoise(60), GaussianNoise(75)),
    ),
    Degradation(
        name="sensor_noise",
        label=1,
        title="Sensor noise",
        levels=tuple(SensorNoise(2**stop) for stop in range(8)),
    ),
    Degradation(
        name="motion_blur",
        label=2,
        title="Motion blur",
        levels=(
            *(MotionBlur(length) for length in range(5, 34, 4)),
            *(FrameAverage(frames) for frames in (7, 11, 15, 21)),
        ),
    ),
    Degradation(
        name="defocus_blur",
        label=3,
        title="Defocus blur",
        levels=tuple(Defocus(radius) for radius in range(1, 9)),
    ),
    Degradation(
        name="gaussian_blur",
        label=4,
        title="Gaussian and sinc blur",
        levels=(
            *(
                GaussianBlur(family, low, high)
                for family in FAMILIES
                for low, high in pairwise((0.2, 0.67, 1.13, 1.6, 2.07, 2.53, 3))
            ),
            *(SincBlur(fifth * pi / 5, (fifth + 1) * pi / 5) for fifth in (4, 3, 2, 1)),
        ),
    ),
    Degradation(
        name="jpeg",
        label=5,
        title="JPEG compression",
        levels=tuple(Jpeg(quality) for quality in range(95, 9, -5)),
        held_out=tuple(WebP(quality) for quality in (80, 50, 30, 10)),
    ),
    Degradation(
        name="haze",
        label=6,
        title="Haze",
        levels=tuple(
            Haze(beta, airlight)
            for beta in (0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.2)
            for airlight in (0.8, 0.85, 0.9, 0.95, 1)
        ),
    ),
    Degradation(
        name="rain_streak",
        label=7,
        title="Rain streaks",
        levels=tuple(RainStreak(density, length) for density in (15, 35, 80) for length in (16, 24, 36, 52)),
    ),
    Degradation(
        name="raindrop",
        label=8,
        title="Raindrops on glass",
        levels=tuple(Raindrop(count, radius) for count in (10, 25, 50) for radius in (8, 14)),
    ),
    Degradation(
        name="streak_drop",
        label=9,
        title="Rain streaks and drops",
        levels=tuple(StreakDrop(density, count) for density in (15, 35, 80) for count in (12, 30)),
    ),
    Degradation(
        name="snow",
        label=10,
        title="Snow",
        levels=tuple(Snow(size, density) for size in ("small", "medium", "large") for density in (20, 50, 110)),
    ),
    Degradation(
        name="mosaic",
        label=11,
        title="Mosaic",
        levels=tuple(Mosaic(phase, "edge_aware") for phase in PHASES),
        held_out=tuple(Mosaic(phase, "bilinear") for phase in PHASES),
    ),
    Degradation(
        name="low_light",
        label=12,
        title="Low light",
        levels=tuple(LowLight(gamma) for gamma in (1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)),
    ),
    Degradation(
        name="moire",
        label=13,
        title="Moire",
        levels=tuple(Moire(period) for period in (64, 42, 26, 16, 10, 6)),
    ),
    Degradation(
        name="blur_jpeg",
        label=14,
        title="Motion blur and JPEG",
        levels=tuple(BlurJpeg(length, quality) for length in (5, 15) for quality in (50, 25, 10)),
    ),
    Degradation(
        name="blur_rain",
        label=15,
        title="Defocus blur and raindrops",
        levels=tuple(BlurRain(radius, count) for radius in (1.5, 5) for count in (12, 45)),
    ),
    Degradation(
        name="low_light_blur",
        label=16,
        title="Low light, motion blur and noise",
        levels=tuple(
            LowLightBlur(gamma, length, noise)
            for gamma, length in ((1.5, 9), (2.5, 17), (3.5, 25))
            for noise in ("off", "on")
        ),
    ),
    Degradation(
        name="low_light_weather",
        label=17,
        title="Low light, haze, rain and snow",
        levels=tuple(LowLightWeather(mix) for mix in MIXES),
    ),
    Degradation(
        name="low_quality",
        label=18,
        title="Low resolution, noise, blur and JPEG",
        levels=tuple(LowQuality(scale, strength) for scale in (2, 4) for strength in STRENGTHS),
    ),
)
"""The types, in the order of the rows of the UIR-2.5M table of the MaskDCPT paper."""


def from_dict(values: Mapping[str, Any]) -> Level:
    """Builds a level of ``CATALOGUE`` from what ``to_dict`` made of it.

    Raises:
        UserError: If the type or a parameter is unknown, missing or out of range.
    """
    return CATALOGUE.from_dict(values)
