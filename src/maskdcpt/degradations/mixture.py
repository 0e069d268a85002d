"""Random choice among levels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.random import Generator

from maskdcpt.degradations.base import Level
from maskdcpt.errors import UserError


@dataclass(frozen=True)
class Mixture:
    """A distribution over levels.

    It draws a level and leaves applying it to ``apply``, so that a record of what was drawn says exactly what was done.

    Raises:
        UserError: If there is no option, or weights do not fit.
    """

    options: tuple[Level | Mixture, ...]
    """What there is to choose from; a mixture among them draws in its turn."""

    weights: tuple[float, ...] | None = None
    """How often each option is taken, in proportion; without them all alike."""

    def __post_init__(self) -> None:
        if not self.options:
            raise UserError("a mixture needs one option or more")
        weights = self.weights
        if weights is None:
            return
        if len(weights) != len(self.options):
            raise UserError(f"a mixture of {len(self.options)} options needs as many weights, not {len(weights)}")
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not sum(weights):
            raise UserError(f"the weights of a mixture are finite, not negative and not all 0, unlike {weights}")

    def draw(self, rng: Generator) -> Level:
        """Draws a level."""
        if self.weights is None:
            index = int(rng.integers(len(self.options)))
        else:
            total = sum(self.weights)
            index = int(rng.choice(len(self.options), p=[weight / total for weight in self.weights]))
        option = self.options[index]
        return option.draw(rng) if isinstance(option, Mixture) else option
