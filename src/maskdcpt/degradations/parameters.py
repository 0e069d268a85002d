"""The parameters of a level: what values they take, and in which unit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import Field, field
from numbers import Integral, Real
from typing import Any

from maskdcpt.errors import UserError


class Parameter(ABC):
    """What a field of a level may hold."""

    unit: str
    """What its values mean, a few words; empty where they speak for themselves."""

    @abstractmethod
    def check(self, value: object, what: str) -> Any:
        """The value in its one spelling.

        Raises:
            UserError: If it is not allowed, naming ``what`` it is of and what would be.
        """


class Interval(Parameter):
    """A number in [low, high], a whole one on demand."""

    def __init__(self, low: float, high: float, unit: str, whole: bool) -> None:
        self.low, self.high, self.unit, self.whole = low, high, unit, whole

    def check(self, value: object, what: str) -> int | float:
        """The value as int or float, so that 25 and 25.0 print, serialise and seed alike."""
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            raise UserError(f"{what} is {value!r}, but must be {'an integer' if self.whole else 'a number'}")
        try:
            number = float(value) + 0.0  # so that -0 is 0
        except OverflowError:
            number = float("inf")
        if not self.low <= number <= self.high:  # also refuses NaN
            raise UserError(f"{what} is {number:g}, but must lie in [{self.low:g}, {self.high:g}]")
        return int(number) if self.whole else number


class Choice(Parameter):
    """One of a few words."""

    def __init__(self, options: tuple[str, ...]) -> None:
        self.options, self.unit = options, ""

    def check(self, value: object, what: str) -> str:
        """The word."""
        if value not in self.options:
            raise UserError(f"{what} is {value!r}, but must be one of {', '.join(self.options)}")
        return str(value)


def parameter(low: float, high: float, unit: str, *, whole: bool = False) -> Any:
    """A field of a level that must lie in [low, high].

    Args:
        low: Smallest value.
        high: Largest value.
        unit: What the numbers count, a few words.
        whole: Whether they are integers.
    """
    return field(metadata={"parameter": Interval(low, high, unit, whole)})


def choice(*options: str) -> Any:
    """A field of a level that is one of the given words."""
    return field(metadata={"parameter": Choice(options)})


def parameter_of(item: Field[Any]) -> Parameter:
    """What a field that ``parameter`` or ``choice`` has made may hold."""
    found: Parameter = item.metadata["parameter"]
    return found
