"""Types of degradation, and sets of them that are searched by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from numpy.random import Generator

from maskdcpt.degradations.base import Level
from maskdcpt.degradations.chain import Chain
from maskdcpt.degradations.mixture import Mixture
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

    levels: tuple[Level, ...]
    """The training grid, weak to strong within each parameter. They may be of several kinds. New levels are added at
    the end, since protocols tell levels by their position."""

    held_out: tuple[Level, ...] = ()
    """Levels of the type that training never sees, for tests of generalisation."""

    @property
    def kinds(self) -> tuple[type[Level], ...]:
        """The classes of the levels, held out or not, each once, in order."""
        return tuple(dict.fromkeys(type(level) for level in (*self.levels, *self.held_out)))

    @property
    def middle(self) -> Level:
        """The middle one of ``levels``."""
        return self.levels[len(self.levels) // 2]

    def only(self, kind: type[Level]) -> Degradation:
        """The part of the type that is made by one kind of level, under the kind's name."""
        return replace(
            self,
            name=kind.type_name,
            title=kind.title,
            levels=tuple(level for level in self.levels if type(level) is kind),
            held_out=tuple(level for level in self.held_out if type(level) is kind),
        )

    def require_levels(self) -> None:
        """Checks that there is something to train on.

        Raises:
            UserError: If all levels are held out.
        """
        if not self.levels:
            raise UserError(f"all levels of {self.name!r} are held out from training")

    def draw(self, rng: Generator) -> Level:
        """Draws one of ``levels``, all alike.

        Raises:
            UserError: If all levels are held out.
        """
        self.require_levels()
        return Mixture(self.levels).draw(rng)


class Catalogue:
    """An ordered, unchangeable set of types, found by name: ``catalogue["haze"]``, ``"haze" in catalogue``.

    The name of a kind of level, which is not that of a type, stands for the type's levels of that kind:
    ``catalogue["grey_poisson_noise"]`` is a part of ``catalogue["noise"]``.

    Args:
        entries: The types, in the order of iteration.

    Raises:
        ValueError: If a name, a label or a kind occurs twice, or the name of a type is that of another's kind.
    """

    def __init__(self, *entries: Degradation) -> None:
        self._entries = entries
        claims = Counter(
            claim
            for entry in entries
            for claim in (
                f"label {entry.label}",
                *(f"name {name!r}" for name in {entry.name, *(kind.type_name for kind in entry.kinds)}),
            )
        )
        claims[f"name {Chain.type_name!r}"] += 1
        for claim, count in claims.items():
            if count > 1:
                raise ValueError(f"catalogue: {claim} occurs twice")
        kinds: list[type[Level]] = [Chain, *(kind for entry in entries for kind in entry.kinds)]
        self._kinds: dict[str, type[Level]] = {kind.type_name: kind for kind in kinds}
        parts = {kind.type_name: entry.only(kind) for entry in entries for kind in entry.kinds}
        self._known = parts | {entry.name: entry for entry in entries}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the types, in order."""
        return tuple(entry.name for entry in self._entries)

    def __iter__(self) -> Iterator[Degradation]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Degradation:
        if name not in self._known:
            raise UserError(f"unknown degradation {name!r}{nearest(str(name), self._known)}")
        return self._known[name]

    def apart_from(self, known: Iterable[Degradation]) -> list[Degradation]:
        """The types that share no kind of level with those that are known; kinds may still be mixtures of them."""
        kinds = {kind for entry in known for kind in entry.kinds}
        return [entry for entry in self if not kinds & set(entry.kinds)]

    def name_the_same(self, name: str, other: str) -> bool:
        """Whether both names are one, or one is that of a type and the other that of a kind of its levels.

        So ``noise`` and ``gaussian_noise`` do, and ``gaussian_noise`` and ``poisson_noise`` do not.
        """
        if name == other:
            return True
        one, two = self._known.get(name), self._known.get(other)
        return one is not None and two is not None and one.label == two.label and bool({name, other} & set(self.names))

    def __repr__(self) -> str:
        return f"Catalogue({', '.join(self.names)})"

    def types_of(self, level: Level) -> tuple[Degradation, ...]:
        """The type that a level belongs to, also for parameters off its training grid; of a chain those of its steps.

        Raises:
            UserError: If no entry has levels of that class.
        """
        if isinstance(level, Chain):
            return tuple(dict.fromkeys(entry for step in level.steps for entry in self.types_of(step)))
        for entry in self._entries:
            if type(level) in entry.kinds:
                return (entry,)
        raise UserError(f"{level!r} belongs to no degradation of the catalogue; known: {', '.join(self.names)}")

    def basic_types(self, level: Level) -> tuple[Degradation, ...]:
        """The types that come together in a level, in the order of the catalogue: one, unless the level is a mixture.

        Raises:
            UserError: If no entry has levels of a class that is in it.
        """
        kinds = level.ingredients()
        for kind in kinds:
            if kind not in self._kinds.values():
                raise UserError(f"{kind.__name__} belongs to no degradation of the catalogue")
        return tuple(entry for entry in self._entries if set(entry.kinds) & set(kinds))

    def draw(self, rng: Generator, names: Sequence[str] | None = None) -> Level:
        """Draws a level: first a type, all alike, then one of its levels, all alike.

        Args:
            rng: Draws.
            names: Types, or kinds of level, to draw from; without them all types.

        Raises:
            UserError: If a name is unknown, or all levels of a type are held out.
        """
        chosen = self._entries if names is None else tuple(self[name] for name in names)
        return chosen[int(rng.integers(len(chosen)))].draw(rng)

    def from_dict(self, values: Mapping[str, Any]) -> Level:
        """Builds a level from what ``to_dict`` made of it.

        Args:
            values: ``"type"`` and every parameter of that type, and nothing else.

        Raises:
            UserError: If the type or a parameter is unknown, missing or out of range.
        """
        name = str(values.get("type", ""))
        if name not in self._kinds:
            raise UserError(f"unknown degradation type {name!r}{nearest(name, self._kinds)}")
        kind = self._kinds[name]
        wanted = [item.name for item in fields(kind)]
        given = {key: self._value(value) for key, value in values.items() if key != "type"}
        for key in given:
            if key not in wanted:
                raise UserError(f"{name}: unknown parameter {key!r}{nearest(key, wanted)}")
        if missing := [key for key in wanted if key not in given]:
            raise UserError(f"{name}: parameter {missing[0]!r} is missing; known: {', '.join(wanted)}")
        return kind(**given)

    def _value(self, value: object) -> object:
        if isinstance(value, Mapping):
            return self.from_dict(value)
        return [self._value(each) for each in value] if isinstance(value, list) else value
