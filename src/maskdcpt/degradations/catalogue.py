"""All types of degradation with their names, class labels and levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from maskdcpt.degradations.base import Level
from maskdcpt.degradations.blur import MotionBlur
from maskdcpt.degradations.light import LowLight
from maskdcpt.degradations.noise import GaussianNoise
from maskdcpt.degradations.weather import Haze, RainStreak
from maskdcpt.errors import UserError, nearest


@dataclass(frozen=True)
class Degradation:
    """A type of degradation: one class of the classifier, with the levels that the training data are made of."""

    name: str
    """Identifier in files and on the command line."""

    label: int
    """Number of the type for all time: its row in the UIR-2.5M table of the MaskDCPT paper, counted from 0."""

    title: str
    """Name for people."""

    unit: str
    """What the numbers of a level mean, in one line."""

    levels: tuple[Level, ...]
    """The training grid, weak to strong within each parameter. They may be of several classes."""

    @property
    def kinds(self) -> tuple[type[Level], ...]:
        """The classes of the levels, each once, in order."""
        return tuple(dict.fromkeys(type(level) for level in self.levels))


class Catalogue:
    """An ordered, unchangeable set of types, found by name: ``catalogue["haze"]``, ``"haze" in catalogue``.

    Args:
        entries: The types, in the order of iteration.

    Raises:
        ValueError: If a name, a label or a level's type name occurs twice.
    """

    def __init__(self, *entries: Degradation) -> None:
        self._entries = entries
        self._kinds = tuple(kind for entry in entries for kind in entry.kinds)
        claims = Counter(
            [f"name {entry.name!r}" for entry in entries]
            + [f"label {entry.label}" for entry in entries]
            + [f"level type {kind.type_name!r}" for kind in self._kinds]
        )
        for claim, count in claims.items():
            if count > 1:
                raise ValueError(f"catalogue: {claim} occurs twice")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the types, in order."""
        return tuple(entry.name for entry in self._entries)

    def __iter__(self) -> Iterator[Degradation]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, item: object) -> bool:
        return item in self.names or item in self._entries

    def __getitem__(self, name: str) -> Degradation:
        for entry in self._entries:
            if entry.name == name:
                return entry
        raise UserError(f"unknown degradation {name!r}{nearest(name, self.names)}")

    def __repr__(self) -> str:
        return f"Catalogue({', '.join(self.names)})"

    def type_of(self, level: Level) -> Degradation:
        """The entry that a level belongs to, also for parameters off its training grid.

        Raises:
            UserError: If no entry has levels of that class.
        """
        for entry in self._entries:
            if type(level) in entry.kinds:
                return entry
        raise UserError(f"{level!r} belongs to no degradation of the catalogue; known: {', '.join(self.names)}")

    def from_dict(self, values: Mapping[str, object]) -> Level:
        """Builds a level from what ``to_dict`` made of it.

        Args:
            values: ``"type"`` and every parameter of that type, and nothing else.

        Raises:
            UserError: If the type or a parameter is unknown, missing or out of range.
        """
        kinds = {kind.type_name: kind for kind in self._kinds}
        name = str(values.get("type", ""))
        if name not in kinds:
            raise UserError(f"unknown degradation type {name!r}{nearest(name, kinds)}")
        wanted = [item.name for item in fields(kinds[name])]
        given = {key: value for key, value in values.items() if key != "type"}
        for key in given:
            if key not in wanted:
                raise UserError(f"{name}: unknown parameter {key!r}{nearest(key, wanted)}")
        if missing := [key for key in wanted if key not in given]:
            raise UserError(f"{name}: parameter {missing[0]!r} is missing; known: {', '.join(wanted)}")
        return kinds[name](**given)


CATALOGUE = Catalogue(
    Degradation(
        name="gaussian_noise",
        label=0,
        title="Gaussian noise",
        unit="sigma: standard deviation in 8-bit units",
        levels=tuple(GaussianNoise(sigma) for sigma in range(5, 51, 5)),
    ),
    Degradation(
        name="motion_blur",
        label=2,
        title="Motion blur",
        unit="length: pixels along the path of the camera",
        levels=tuple(MotionBlur(length) for length in range(5, 34, 4)),
    ),
    Degradation(
        name="haze",
        label=6,
        title="Haze",
        unit="beta: scattering per metre; airlight: encoded grey in [0, 1]",
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
        unit="density: streaks per 10 000 pixels; length: pixels of the nearest streaks",
        levels=tuple(RainStreak(density, length) for density in (15, 35, 80) for length in (16, 24, 36, 52)),
    ),
    Degradation(
        name="low_light",
        label=12,
        title="Low light",
        unit="gamma: exponent on encoded values",
        levels=tuple(LowLight(gamma) for gamma in (1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)),
    ),
)
"""Every type the package knows. A new type is a class of levels and an entry here."""


def from_dict(values: Mapping[str, object]) -> Level:
    """Builds a level of ``CATALOGUE`` from what ``to_dict`` made of it.

    Raises:
        UserError: If the type or a parameter is unknown, missing or out of range.
    """
    return CATALOGUE.from_dict(values)
