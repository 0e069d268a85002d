"""What a study compares, as a recipe: networks, ways to train them, seeds, and what they are measured on."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from maskdcpt.config import configuration, flatten, from_dict, read_toml
from maskdcpt.degradations import CATALOGUE
from maskdcpt.degradations.catalogue import from_dict as level_from_dict
from maskdcpt.errors import UserError, naming, nearest, require
from maskdcpt.evaluation.probe_samples import LEAST
from maskdcpt.metrics.fidelity import WINDOW
from maskdcpt.recipes import find_recipe
from maskdcpt.study.rows import INPUT

Table: TypeAlias = dict[str, Any]
"""Settings as a recipe of training has them, nested."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
"""Names become folders."""

SCRATCH = "scratch"
"""The arm that others are compared with unless they say otherwise."""

OURS = ("backbone", "init", "train.steps", "train.seed", "data.folder")
"""Settings of training that follow from the study."""


JOINED = ("pretrain", "finetune")
"""Tables that a recipe and its base share; all else is of the one or of the other."""

OWN = ("question", "limits")
"""What a recipe does not take from its base: they are about its arms and runs."""


@configuration
class ArmConfig:
    """One way to train."""

    name: str
    """Unique; its folder."""
    title: str
    """What it is, one line."""
    added: str = ""
    """What results had been seen when it was added to the recipe, if any had: then its own are to be taken for a hint,
    until runs with other seeds confirm them."""
    share: float | None = None
    """Share of the budget that is spent on pre-training, 0 for none; without it that of the study."""
    part: float = 1.0
    """Part of the budget that is spent at all. Without pre-training, and without the steps that others spend on it, an
    arm tells what their fine-tuning comes to alone."""
    budget: Literal["steps", "compute"] = "steps"
    """What equals that of plain training: steps in all, or arithmetic in all, so that cheaper steps are more."""
    against: str = SCRATCH
    """The arm that it is compared with."""
    families: tuple[str, ...] = ()
    """Networks that it is tried with; empty for all."""
    seeds: tuple[int, ...] = ()
    """Seeds that it is tried with, which may be others than the study's where the arm that it is compared with has them
    too; empty for the study's."""
    seeds_added: str = ""
    """Which of them were added when results had been seen, if any were, and when."""
    pretrain: Table = field(default_factory=dict)
    """Settings of pre-training that differ from those of the study."""
    finetune: Table = field(default_factory=dict)
    """Settings of fine-tuning that differ from those of the study."""

    @property
    def bare(self) -> ArmConfig:
        """It without words, on which no number depends."""
        return replace(self, title="", added="", seeds_added="")

    def __post_init__(self) -> None:
        _require_name("arms", self.name)
        if self.share is not None:
            require(f"arms, {self.name}: share", self.share, 0, 1, below=True)
        require(f"arms, {self.name}: part", self.part, 0, 1)


@configuration
class TestConfig:
    """Images that all networks are measured on when they are trained."""

    __test__ = False  # for pytest, which takes it for tests

    name: str
    """Unique."""
    title: str
    """What it is, a few words."""
    damage: Literal["trained", "levels", "untrained", "mixtures", "pairs", "photos"]
    """What is done to clean images: each trained type at one of its levels, which takes turns from image to image; the
    ``levels`` of the test; each type that no trained kind of damage is in, or each mixture that one is in, at its
    middle level. Or what they are: pairs of damaged and clean images, or photos without a clean original, which PIQE
    judges."""
    folders: tuple[str, ...] = ()
    """Folders of images below the one that ``--tests`` names; empty for the embedded test images."""
    levels: tuple[Table, ...] = ()
    """Of ``levels``: each with its type and parameters."""
    images: int = 0
    """Images of each folder, the first ones in order; 0 for all."""
    crop: int = 128
    """Side of the middle part that is measured, in pixels."""
    entering: bool = False
    """Whether networks are measured on entering fine-tuning as well."""

    @property
    def metric(self) -> Literal["psnr", "piqe"]:
        """What it is judged by first."""
        return "piqe" if self.damage == "photos" else "psnr"

    @property
    def sign(self) -> Literal[1, -1]:
        """1 where more of it is better, -1 where less is."""
        return -1 if self.metric == "piqe" else 1

    def __post_init__(self) -> None:
        _require_name("tests", self.name)
        where = f"tests, {self.name}"
        require(f"{where}: images", self.images, 0, math.inf)
        require(f"{where}: crop", self.crop, max(WINDOW, 16), math.inf)
        if (self.damage == "levels") != bool(self.levels):
            raise UserError(f"{where}: 'levels' goes with damage = \"levels\" and with no other")
        if self.damage in ("pairs", "photos") and not self.folders:
            raise UserError(f"{where}: {self.damage} are in folders, and none is named")
        _require_told_apart(where, self.folders)
        with naming(where):
            for level in self.levels:
                level_from_dict(level)


@configuration
class ProbeConfig:
    """How well the type of damage can be told from features by logistic regression on their means and deviations."""

    folders: tuple[str, ...] = ()
    """As for tests."""
    samples: int = 60
    """Clean images, each damaged once in every trained way; a third of them is asked about."""
    crop: int = 64
    """Side of the middle part of each, in pixels."""

    def __post_init__(self) -> None:
        require("probe: samples", self.samples, LEAST, math.inf)
        require("probe: crop", self.crop, 1, math.inf)
        _require_told_apart("probe", self.folders)


@configuration
class QuestionConfig:
    """What a study was made to answer; all else that it tells was found on the way."""

    arm: str
    """The arm that the question is about; the others are held against it, too."""
    tests: tuple[str, ...]
    """The tests that decide."""
    added: str = ""
    """What results had been seen when it was written down, if any had."""

    def __post_init__(self) -> None:
        if not self.tests:
            raise UserError("question: tests: none is named")


@configuration
class StudyConfig:
    """A comparison of ways to train the same networks, for the same seeds, at the same cost."""

    title: str
    """What it asks, one line."""
    steps: int
    """Optimiser steps of every run in all, or what its arithmetic is counted in."""
    share: float = 0.25
    """Share of the budget that arms spend on pre-training unless they say otherwise."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each gives initial weights, samples, damage and masks, the same for all arms; those of arms that name none."""
    families: dict[str, Table]
    """Name of a network to its ``backbone`` settings."""
    pretrain: Table = field(default_factory=dict)
    """Settings of pre-training, as in its recipes."""
    finetune: Table = field(default_factory=dict)
    """Settings of fine-tuning, as in its recipes."""
    arms: tuple[ArmConfig, ...]
    """What is compared."""
    tests: tuple[TestConfig, ...]
    """What all networks are measured on."""
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    """What features are asked."""
    question: QuestionConfig | None = None
    """What it was made to answer; None where it only compares."""
    limits: tuple[str, ...] = ()
    """What it cannot tell for reasons of its own, a sentence each; its page has them beside those of all studies."""

    def __post_init__(self) -> None:
        require("steps", self.steps, 2, math.inf)
        require("share", self.share, 0, 1, below=True)
        if not self.seeds or not self.families or not self.arms or not self.tests:
            raise UserError("a study needs one seed, one network in families, one arm and one test or more")
        _require_unique("seeds", self.seeds)
        _require_unique("arms", self.arm_names)
        _require_unique("tests", [test.name for test in self.tests])
        for name in self.families:
            _require_name("families", name)
            if name == INPUT:
                raise UserError(f"families: {name!r} is what the damaged images are called; name the network otherwise")
        for arm in self.arms:
            _require_known(f"arms, {arm.name}: against", [arm.against], self.arm_names)
            _require_known(f"arms, {arm.name}: families", arm.families, self.families)
            if strange := set(self.seeds_of(arm)) - set(self.seeds_of(self.arm(arm.against))):
                raise UserError(
                    f"arms, {arm.name}: {arm.against}, which it is compared with, lacks seed {min(strange)}"
                )
            if arm.pretrain and not self.share_of(arm):
                raise UserError(f"arms, {arm.name}: it has settings of pre-training, and its share is 0")
            for place, table in (("pretrain", arm.pretrain), ("finetune", arm.finetune)):
                _require_free(f"arms, {arm.name}: {place}", table)
        if self.question is not None:
            _require_known("question: arm", [self.question.arm], self.compared)
            _require_known("question: tests", self.question.tests, [test.name for test in self.tests])
        _require_free("pretrain", self.pretrain)
        _require_free("finetune", self.finetune)

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of the arms that are compared with another, in order."""
        return tuple(arm.name for arm in self.arms if arm.against != arm.name)

    @property
    def main_test(self) -> TestConfig:
        """The first test that has clean images, which accuracies are held against; without any the first."""
        return next((test for test in self.tests if test.damage != "photos"), self.tests[0])

    @property
    def arm_names(self) -> tuple[str, ...]:
        """Names of the arms, in order."""
        return tuple(arm.name for arm in self.arms)

    def arm(self, name: str) -> ArmConfig:
        """The arm of a name."""
        return next(arm for arm in self.arms if arm.name == name)

    def share_of(self, arm: ArmConfig) -> float:
        """Share of the budget that an arm spends on pre-training."""
        return self.share if arm.share is None else arm.share

    def seeds_of(self, arm: ArmConfig) -> tuple[int, ...]:
        """Seeds that an arm is tried with."""
        return arm.seeds or self.seeds

    def finetuning_of(self, arm: ArmConfig) -> Table:
        """Settings of fine-tuning of an arm that change how its networks restore.

        A classifier, and how damage is labelled for it, do so only where naming is a part of what is minimised.
        """
        values = merged(self.finetune, arm.finetune)
        if values.get("loss", {}).get("naming"):
            return values
        rest = {name: value for name, value in values.get("data", {}).items() if name != "labels"}
        return {**values, "data": rest, "keep_classifier": False}

    def twins(self) -> list[tuple[str, str]]:
        """Names of arms that are the same but for their seeds, none of which they share: one, and it once more."""

        def settings(arm: ArmConfig) -> ArmConfig:
            return replace(arm.bare, name="any", seeds=(), families=())

        return [
            (arm.name, other.name)
            for place, arm in enumerate(self.arms)
            for other in self.arms[place + 1 :]
            if settings(other) == settings(arm) and not set(self.seeds_of(arm)) & set(self.seeds_of(other))
        ]

    def grid(self) -> list[tuple[str, str, int]]:
        """Network, arm and seed of every run, seed by seed, so that what is there at any time can be compared."""
        more = {seed for arm in self.arms for seed in arm.seeds} - set(self.seeds)
        return [
            (family, arm.name, seed)
            for seed in (*self.seeds, *sorted(more))
            for family in self.families
            for arm in self.arms
            if (not arm.families or family in arm.families) and seed in self.seeds_of(arm)
        ]


def read_study(name: str) -> StudyConfig:
    """Reads a recipe: the name of a preset, or the path of a TOML file.

    One with ``base``, the name of another or its path from the folder of this one or from where the command runs, has
    what that says and it does not say itself; the settings of ``pretrain`` and ``finetune`` are joined.

    Raises:
        UserError: If there is none, or it is wrong.
    """
    return load_study(find_recipe("study", name))


def load_study(path: Path) -> StudyConfig:
    """Reads a recipe from a file.

    Raises:
        UserError: If there is none, or it is wrong.
    """
    return from_dict(StudyConfig, _with_base(path, (path.resolve(),)), where=str(path))


def _with_base(path: Path, above: tuple[Path, ...]) -> Table:
    values = read_toml(path)
    if "base" not in values:
        return values
    base = values.pop("base")
    if not isinstance(base, str):
        raise UserError(f"{path}: base is {base!r}; it is the name of a recipe, or the path of one")
    with naming(f"{path}: base"):
        beside = path.parent / base
        place = beside if base.endswith(".toml") and beside.is_file() else find_recipe("study", base)
        if place.resolve() in above:
            raise UserError(f"{base} leads back to itself")
        below = _with_base(place, (place.resolve(), *above))
    mine, theirs = ({name: table[name] for name in JOINED if name in table} for table in (values, below))
    rest = {name: value for name, value in below.items() if name not in OWN}
    return {**rest, **values, **merged(theirs, mine)}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Table:
    """A table with what another says in its place; tables within are joined alike."""
    result = dict(base)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[name] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def untrained_types(types: Iterable[str], mixed: bool = False) -> list[str]:
    """The types of the catalogue that are not trained.

    Args:
        types: Names of those that are trained.
        mixed: Which of them: those whose middle level has a trained kind of damage in it, or all others.
    """
    known = [CATALOGUE[name] for name in types]
    trained = {kind for entry in known for kind in entry.kinds}
    others = CATALOGUE.apart_from(known)
    return [entry.name for entry in others if bool(trained & set(entry.middle.ingredients())) == mixed]


def _require_name(where: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise UserError(f"{where}: {name!r}: a name consists of small letters, digits and '-'")


def _require_told_apart(where: str, folders: Sequence[str]) -> None:
    ends: dict[str, str] = {}
    for folder in folders:
        other = ends.setdefault(Path(folder).name, folder)
        if other != folder or folders.count(folder) > 1:
            raise UserError(f"{where}: images are called by the last part of their folder: {other} or {folder}?")


def _require_unique(where: str, names: Iterable[str | int]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise UserError(f"{where}: {name!r} is there twice")


def _require_known(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"{where}: there is no {name!r}{nearest(name, known)}")


def _require_free(where: str, table: Mapping[str, Any]) -> None:
    for name in flatten(table):
        for ours in OURS:
            if name == ours or name.startswith(f"{ours}."):
                raise UserError(f"{where}: {ours} follows from the study; leave it out")
