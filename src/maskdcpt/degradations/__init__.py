"""Synthetic degradations: levels as values, the catalogue of all types, and one way to apply them."""

from maskdcpt.degradations.base import Level, apply, to_dict
from maskdcpt.degradations.catalogue import CATALOGUE, from_dict
from maskdcpt.degradations.chain import Chain, Composite
from maskdcpt.degradations.composites import BlurJpeg, BlurRain, LowLightBlur, LowLightWeather
from maskdcpt.degradations.compression import Jpeg, WebP
from maskdcpt.degradations.defocus import Defocus
from maskdcpt.degradations.frame_average import FrameAverage
from maskdcpt.degradations.gaussian_blur import GaussianBlur, SincBlur
from maskdcpt.degradations.haze import Haze, scatter
from maskdcpt.degradations.low_light import LowLight
from maskdcpt.degradations.low_quality import LowQuality
from maskdcpt.degradations.mixture import Mixture
from maskdcpt.degradations.moire import Moire
from maskdcpt.degradations.mosaic import Mosaic
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

__all__ = [
    "CATALOGUE",
    "BlurJpeg",
    "BlurRain",
    "Catalogue",
    "Chain",
    "Composite",
    "Defocus",
    "Degradation",
    "FrameAverage",
    "GaussianBlur",
    "GaussianNoise",
    "GreyGaussianNoise",
    "GreyPoissonNoise",
    "GreySaltPepperNoise",
    "Haze",
    "Jpeg",
    "Level",
    "LowLight",
    "LowLightBlur",
    "LowLightWeather",
    "LowQuality",
    "Mixture",
    "Moire",
    "Mosaic",
    "MotionBlur",
    "PoissonNoise",
    "RainStreak",
    "Raindrop",
    "SaltPepperNoise",
    "SensorNoise",
    "SincBlur",
    "Snow",
    "StreakDrop",
    "WebP",
    "apply",
    "from_dict",
    "scatter",
    "to_dict",
]
