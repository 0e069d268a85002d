"""Several degradations in a row."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.parameters import Parameter
from maskdcpt.errors import UserError


class Steps(Parameter):
    """One level or more."""

    unit = "levels, first to last"

    def check(self, value: object, what: str) -> tuple[Level, ...]:
        """The levels as a tuple."""
        if not isinstance(value, list | tuple) or not value or not all(isinstance(each, Level) for each in value):
            raise UserError(f"{what} is {value!r}, but must be a sequence of one level or more")
        return tuple(value)


class Composite(Level):
    """A level that is made of others, done one after another.

    Each step has random numbers of its own, unrelated to those of the others. Between steps values are clipped, since
    neither light nor what a camera writes can leave the range, but not rounded.
    """

    @abstractmethod
    def parts(self) -> tuple[Level, ...]:
        """The steps, first to last."""

    def ingredients(self) -> tuple[type[Level], ...]:
        """Those of the steps."""
        return tuple(dict.fromkeys(kind for step in self.parts() for kind in step.ingredients()))

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Does the steps."""
        parts = self.parts()
        for step, own in zip(parts, rng.spawn(len(parts)), strict=True):
            image = np.clip(step.degrade(image, own), 0, 1)
        return image


@dataclass(frozen=True)
class Chain(Composite):
    """Any levels in a row: ``Chain((Haze(0.1, 0.9), GaussianNoise(15)))``."""

    type_name: ClassVar[str] = "chain"
    title: ClassVar[str] = "Chain"

    steps: tuple[Level, ...] = field(metadata={"parameter": Steps()})
    """What is done, first to last."""

    def parts(self) -> tuple[Level, ...]:
        """The steps."""
        return self.steps
