"""What a degradation level is, and the one way to apply it."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.seeds import derive_seed

Pixels: TypeAlias = NDArray[np.float32]
"""An array of pixel values, (3, H, W) or (H, W)."""


def parameter(low: float, high: float) -> Any:
    """A field of a level that must lie in [low, high]; ``Level`` checks it."""
    return field(metadata={"range": (low, high)})


@dataclass(frozen=True)
class Level(ABC):
    """One degradation at one strength, as a value: equal fields make equal levels.

    A type of degradation is a subclass: a frozen dataclass whose fields are made by ``parameter`` and whose
    ``degrade`` does the work on an array. An entry of the catalogue makes it known by name.

    Raises:
        UserError: If a parameter is no finite number or out of its range.
    """

    type_name: ClassVar[str]
    """The name of the class in files."""

    quantised: ClassVar[bool] = True
    """Whether ``apply`` rounds the result to 8 bit."""

    def __post_init__(self) -> None:
        for item in fields(self):
            bounds = item.metadata["range"]
            whole = item.type in (int, "int")
            value = _number(getattr(self, item.name), bounds, whole, f"{self.type_name}: {item.name}")
            # Stored as its own type, so that 25 and 25.0 print, serialise and seed alike.
            object.__setattr__(self, item.name, value)

    def __call__(self, image: Tensor, rng: Generator) -> Tensor:
        """Degrades an image without rounding it; ``apply`` checks, seeds and rounds too.

        Args:
            image: float32 (3, H, W) in [0, 1]; left as it is.
            rng: The only source of randomness.

        Returns:
            A new image of the same shape, clipped to [0, 1].
        """
        degraded = self.degrade(np.ascontiguousarray(image.numpy()), rng)
        return torch.from_numpy(np.clip(degraded, 0.0, 1.0))

    @abstractmethod
    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """The degraded image as a new float32 array; values may leave [0, 1].

        Args:
            image: (3, H, W) in [0, 1], contiguous, not to be written to.
            rng: The only source of randomness.
        """


def _number(value: object, bounds: tuple[float, float], whole: bool, what: str) -> int | float:
    low, high = bounds
    if isinstance(value, bool) or not isinstance(value, Integral if whole else Real):
        raise UserError(f"{what} is {value!r}, but must be {'an integer' if whole else 'a number'}")
    number = float(value)
    if not low <= number <= high:  # also refuses NaN
        raise UserError(f"{what} is {number:g}, but must lie in [{low:g}, {high:g}]")
    return int(number) if whole else number


def to_dict(level: Level) -> dict[str, Any]:
    """The level as plain values, ``{"type": "gaussian_noise", "sigma": 25.0}``; ``from_dict`` reads it back."""
    return {"type": level.type_name, **asdict(level)}


def apply(image: Tensor, level: Level, seed: int = 0) -> Tensor:
    """Degrades one image reproducibly: the same image, level and seed give the same bytes.

    Args:
        image: Any float type, (3, H, W), in [0, 1]. It is not changed.
        level: What to do, an entry of ``CATALOGUE[name].levels`` or any other value of those classes.
        seed: Which of the level's random outcomes to take. Levels never share their random numbers.

    Returns:
        An image of the same shape, type and device in [0, 1], rounded to 8 bit (multiples of 1/255) except for the
        types that say otherwise (``Level.quantised``).

    Raises:
        UserError: If the image has another shape or type, is empty, or holds NaN or values outside [0, 1].
    """
    _check_image(image)
    rng = np.random.default_rng(derive_seed(seed, json.dumps(to_dict(level), sort_keys=True)))
    degraded = level(image.detach().to("cpu", torch.float32), rng)
    if level.quantised:
        degraded = degraded.mul(255).round().div(255)
    return degraded.to(image)


def _check_image(image: Tensor) -> None:
    if image.ndim != 3 or image.shape[0] != 3 or image.numel() == 0:
        raise UserError(f"an image to degrade has the shape (3, H, W), not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise UserError(f"an image to degrade is float in [0, 1], not {image.dtype}; divide 8-bit values by 255")
    low, high = (float(value) for value in torch.aminmax(image.detach()))
    if math.isnan(low) or math.isnan(high):
        raise UserError("an image to degrade holds NaN; values must lie in [0, 1]")
    if low < 0 or high > 1:
        raise UserError(f"an image to degrade holds values from {low:g} to {high:g}; they must lie in [0, 1]")
