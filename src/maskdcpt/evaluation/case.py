"""Cases: each image of a test set with each damage that is done to it, and what arms make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import Tensor

from maskdcpt.evaluation.arms import Answer, Arm, Question
from maskdcpt.evaluation.damage import Damage, Scope
from maskdcpt.evaluation.locate import Item, LocatedSet, read_item
from maskdcpt.evaluation.testset import TestSet

COMPARED = 200
"""Pairs of a set, at most, of which it is asked whether they align: more would cost more than many a network."""


class Case(NamedTuple):
    """One damaged image, with all that is needed to make and to measure it anew, in any process."""

    spec: TestSet
    """Its test set."""
    item: Item
    """Its image."""
    number: int
    """Place of its damage in the set."""
    damage: Damage | None
    """Its damage; None where it is damaged on the disk."""
    place: str
    """Path of its result below a folder of results, without suffix; no two of an evaluation have the same."""
    flat: tuple[str, ...] = ()
    """Other paths that a tool may have written the result to."""
    compared: bool = False
    """Whether it is asked if its pair aligns: it lies on the disk and, in a large set, in the sample."""

    @property
    def key(self) -> tuple[str, str, int]:
        """Test set, image and number of the damage."""
        return self.spec.name, self.item.key, self.number

    @property
    def level(self) -> str:
        """The damage as text, empty where it was found on the disk."""
        return self.damage.title if self.damage is not None else ""

    @property
    def type(self) -> str:
        """Type of damage, empty where it is not known."""
        return self.damage.type if self.damage is not None else self.item.type


class Setting(NamedTuple):
    """What all cases of an evaluation have in common."""

    protocol: str
    """Name of the protocol."""
    version: int
    """Its version."""
    crop: int
    """Side of the middle part that is measured, in pixels; 0 for whole images."""


class Shown(NamedTuple):
    """The images of a case."""

    clean: Tensor | None
    """The clean image; None where there is none."""
    degraded: Tensor
    """The damaged one."""
    answers: dict[str, Answer]
    """Arm to what it makes of it."""


def cases_of(located: LocatedSet, items: Sequence[Item]) -> Iterator[Case]:
    """The cases of a test set, image by image.

    Args:
        located: The set.
        items: Those of its images that are measured.
    """
    folder = located.name.replace(", ", "-").replace(" @ ", "-").replace(" ", "-").replace("/", "-")
    step = -(-len(items) // COMPARED)
    for place_in_set, item in enumerate(items):
        name = located.output_names[item.key]
        short = name.rpartition("/")[2]
        unique = located.last_parts[short] == 1
        for number, damage in enumerate(located.damages):
            place = f"{folder}/" if damage is None else f"{folder}/{number:02d}/"
            flat = (f"{place}{short}",) if unique else ()
            compared = damage is None and place_in_set % step == 0
            yield Case(located.spec, item, number, damage, f"{place}{name}", flat, compared)


def show(case: Case, setting: Setting, arms: Sequence[Arm]) -> Shown:
    """Makes the images of a case anew.

    Args:
        case: Which case.
        setting: What it is a case of.
        arms: Those that restore.

    Raises:
        UserError: If one cannot be read or restored.
    """
    clean, degraded = read_item(case.item, setting.crop)
    if case.damage is not None:
        assert clean is not None
        degraded = case.damage.degrade(clean, Scope(setting.protocol, setting.version, case.item.key))
    assert degraded is not None
    question = Question(case.place, case.flat, degraded)
    return Shown(clean, degraded, {arm.name: arm.restore(question) for arm in arms})
