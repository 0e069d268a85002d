"""Synthetic degradations: levels as values, the catalogue of all types, and one way to apply them."""

from maskdcpt.degradations.base import Level, apply, to_dict
from maskdcpt.degradations.blur import MotionBlur
from maskdcpt.degradations.catalogue import CATALOGUE, Catalogue, Degradation, from_dict
from maskdcpt.degradations.light import LowLight
from maskdcpt.degradations.noise import GaussianNoise
from maskdcpt.degradations.weather import Haze, RainStreak

__all__ = [
    "CATALOGUE",
    "Catalogue",
    "Degradation",
    "GaussianNoise",
    "Haze",
    "Level",
    "LowLight",
    "MotionBlur",
    "RainStreak",
    "apply",
    "from_dict",
    "to_dict",
]
