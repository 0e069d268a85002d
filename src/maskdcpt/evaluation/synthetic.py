"""Protocols over clean images that our engine damages: any folder will do."""

from __future__ import annotations

from collections.abc import Iterable

from maskdcpt.degradations import CATALOGUE, Degradation
from maskdcpt.evaluation.damage import Engine, Untouched
from maskdcpt.evaluation.testset import CleanFolder, Protocol, TestSet

SEEN = "levels of training"
"""The group of damage at levels that training sees."""

HELD_OUT = "levels held out from training"
"""The group of damage of known types at levels that training never sees."""


def levels_protocol(name: str, version: int, levels: Iterable[tuple[str, int]], title: str = "") -> Protocol:
    """A protocol of levels of the engine, a test set for each type of damage.

    Args:
        name: Its name, which seeds depend on.
        version: Its version, which seeds depend on.
        levels: Type of damage, and index of the level in the catalogue.
        title: What it is.
    """
    chosen: dict[str, list[Engine]] = {}
    for type_name, index in levels:
        chosen.setdefault(type_name, []).append(Engine(type_name, index))
    sets = (
        TestSet(name=type_name, task=type_name, group=SEEN, source=CleanFolder(), damages=tuple(damages))
        for type_name, damages in chosen.items()
    )
    return Protocol(name, version, tuple(sets), title)


def _held_out() -> Iterable[TestSet]:
    for entry in CATALOGUE:
        if entry.held_out:
            damages = tuple(Engine(entry.name, index, held_out=True) for index in range(len(entry.held_out)))
            name = f"{entry.name}, held out"
            yield TestSet(name=name, task=name, group=HELD_OUT, source=CleanFolder(), damages=damages)


def _all_types(name: str, title: str, most: int | None) -> Protocol:
    def indices(entry: Degradation) -> Iterable[int]:
        count = len(entry.levels)
        if most is None or count <= most:
            return range(count)
        # The middle of each third: a weak, a middle and a strong level, of all kinds that the type has where they lie.
        return [(2 * part + 1) * count // (2 * most) for part in range(most)]

    levels = [(entry.name, index) for entry in CATALOGUE for index in indices(entry)]
    protocol = levels_protocol(name, 1, levels, title)
    return Protocol(
        name,
        1,
        (*protocol.sets, *_held_out()),
        title,
        notes=(
            "Types that a network's classifier does not know are averaged apart from those it knows, so that leaving a "
            "type out of training makes it a test of unseen damage.",
        ),
    )


SYNTHETIC = (
    levels_protocol(
        "synthetic-5d",
        2,
        (
            # A weak, a middle and a strong level of each type.
            *(("haze", index) for index in (5, 17, 29)),
            *(("rain_streak", index) for index in (2, 6, 9)),
            *(("gaussian_noise", index) for index in (1, 5, 8)),
            *(("motion_blur", index) for index in (1, 4, 6)),
            *(("low_light", index) for index in (1, 4, 6)),
        ),
        "five types of damage by our engine, three levels each, on any clean images",
    ),
    _all_types("synthetic-19", "all types of damage by our engine, three levels each, and the held-out ones", 3),
    _all_types("synthetic-19-full", "all types of damage by our engine at all levels, and the held-out ones", None),
    Protocol(
        "clean",
        1,
        (TestSet(name="clean", task="clean", source=CleanFolder(), damages=(Untouched(),)),),
        "clean images as they are: how well they are given back, and whether they are named clean",
    ),
)
"""The protocols."""
