"""What a degradation level is, and the one way to apply it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.degradations.parameters import parameter_of
from maskdcpt.errors import UserError
from maskdcpt.images import ImageT, from_tensor, to_tensor
from maskdcpt.seeds import derive_seed

Pixels: TypeAlias = NDArray[np.float32]
"""An array of pixel values, (3, H, W) or (H, W)."""


@dataclass(frozen=True)
class Level(ABC):
    """One degradation at one strength, as a value: equal fields make equal levels.

    A kind of degradation is a subclass: a frozen dataclass whose fields are made by ``parameter`` or ``choice`` and
    whose ``degrade`` does the work on an array. An entry of the catalogue makes it known by name.

    Raises:
        UserError: If a parameter is out of its range or no value of its kind.
    """

    type_name: ClassVar[str]
    """The name of the class in files."""

    title: ClassVar[str]
    """Its name for people."""

    quantised: ClassVar[bool] = True
    """Whether ``apply`` rounds the result to 8 bit."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = parameter_of(item).check(getattr(self, item.name), f"{self.type_name}: {item.name}")
            object.__setattr__(self, item.name, value)

    def __call__(self, image: Tensor, rng: Generator) -> Tensor:
        """Degrades an image without rounding it; ``apply`` checks, seeds and rounds too.

        Args:
            image: float32 (3, H, W) in [0, 1]; left as it is.
            rng: The only source of randomness.

        Returns:
            A new image of the same shape, clipped to [0, 1].
        """
        # In place: what degrade returns belongs to nobody else, and fresh memory costs more than clipping.
        return torch.from_numpy(self.degrade(np.ascontiguousarray(image.numpy()), rng)).clamp_(0, 1)

    def ingredients(self) -> tuple[type[Level], ...]:
        """The kinds of damage that are in the result: its own, unless it is a mixture of others."""
        return (type(self),)

    @abstractmethod
    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """The degraded image as a new float32 array; values may leave [0, 1].

        Args:
            image: (3, H, W) in [0, 1], contiguous, not to be written to.
            rng: The only source of randomness.
        """


def to_dict(level: Level) -> dict[str, Any]:
    """The level as plain values, ``{"type": "gaussian_noise", "sigma": 25.0}``; ``from_dict`` reads it back."""
    return {"type": level.type_name, **{item.name: _plain(getattr(level, item.name)) for item in fields(level)}}


def _plain(value: object) -> object:
    if isinstance(value, Level):
        return to_dict(value)
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def apply(image: ImageT, level: Level, seed: int = 0) -> ImageT:
    """Degrades one image reproducibly: the same image, level and seed give the same bytes.

    Args:
        image: A tensor (3, H, W) of floats in [0, 1], or an array or Pillow image as ``images.to_tensor`` takes them.
            It is not changed.
        level: What to do: an entry of ``CATALOGUE[name].levels``, any other value of those classes, or a ``Chain``.
        seed: Which of the level's random outcomes to take. Levels never share their random numbers.

    Returns:
        An image of the same shape, kind, type and device in [0, 1], rounded to 8 bit (multiples of 1/255) except for
        the levels that say otherwise (``Level.quantised``).

    Raises:
        UserError: If the image has another shape or type, is empty, or holds NaN or values outside [0, 1], or the level
            is none or cannot be applied to an image of this size.
    """
    if not isinstance(level, Level):
        raise UserError(f"a level is needed, such as CATALOGUE['haze'].levels[0] or Haze(0.1, 0.9), not {level!r}")
    pixels = to_tensor(image).cpu()
    rng = np.random.default_rng(derive_seed(seed, json.dumps(to_dict(level), sort_keys=True)))
    degraded = level(pixels, rng)
    if level.quantised:
        degraded = degraded.mul_(255).round_().div_(255)
    return from_tensor(degraded, image)
