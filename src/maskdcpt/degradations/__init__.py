"""Synthetic degradations: levels as values, the catalogue of all types, and one way to apply them."""

from maskdcpt.degradations.base import Level, apply, to_dict
from maskdcpt.degradations.catalogue import CATALOGUE, from_dict
from maskdcpt.degradations.chain import Chain, Composite
from maskdcpt.degradations.compression import Jpeg, WebP
from maskdcpt.degradations.haze import Haze
from maskdcpt.degradations.low_light import LowLight
from maskdcpt.degradations.mixture import Mixture
from maskdcpt.degradations.moire import Moire
from maskdcpt.degradations.mosaic import Mosaic
from maskdcpt.degradations.motion_blur import MotionBlur
from maskdcpt.degradations.noise import GaussianNoise
from maskdcpt.degradations.rain import RainStreak
from maskdcpt.degradations.types import Catalogue, Degradation

__all__ = [
    "CATALOGUE",
    "Catalogue",
    "Chain",
    "Composite",
    "Degradation",
    "GaussianNoise",
    "Haze",
    "Jpeg",
    "Level",
    "LowLight",
    "Mixture",
    "Moire",
    "Mosaic",
    "MotionBlur",
    "RainStreak",
    "WebP",
    "apply",
    "from_dict",
    "to_dict",
]
