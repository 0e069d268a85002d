"""What is measured: the damaged input, networks, baselines, and folders of images that any tool has restored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from maskdcpt.backbones.hub import locate_weights
from maskdcpt.backbones.weights import WEIGHTS
from maskdcpt.baselines import BASELINES, Baseline
from maskdcpt.devices import find_device
from maskdcpt.errors import UserError, nearest
from maskdcpt.evaluation.evaluate import INPUT
from maskdcpt.files import unique_names
from maskdcpt.images import SUFFIXES, is_image, read_image
from maskdcpt.inference import RestoreOptions, Restorer
from maskdcpt.inference.memory import memory_share
from maskdcpt.pretraining.weights import weights_sha256
from maskdcpt.profiling import count_parameters

ALL = "all"
"""Stands for all baselines that do something."""

IDENTITY = "identity"
"""The baseline that does nothing, as the input that is always measured."""


class Question(NamedTuple):
    """One damaged image to restore."""

    place: str
    """Path of its result below a folder of results, without suffix."""
    flat: tuple[str, ...]
    """Other paths that a tool may have written it to."""
    degraded: Tensor
    """(3, H, W) in [0, 1]."""


class Answer(NamedTuple):
    """What an arm makes of it."""

    restored: Tensor
    """(3, H, W) in [0, 1]."""
    predicted: str = ""
    """The type of damage that it names, empty if it names none."""


class Arm(Protocol):
    """One thing that is measured."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def restore(self, question: Question) -> Answer:
        """Restores an image.

        Raises:
            UserError: If it cannot.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What results depend on, as plain values."""
        ...


@dataclass(frozen=True)
class InputArm:
    """The damaged image as it is; what any network has to beat."""

    name: str = INPUT

    def restore(self, question: Question) -> Answer:
        """Does nothing."""
        return Answer(question.degraded)

    def describe(self) -> dict[str, Any]:
        """What it is."""
        return {"name": self.name, "kind": "input"}


@dataclass(frozen=True)
class NetworkArm:
    """A trained network."""

    name: str
    """What tables call it."""
    path: str
    """Where its weights come from."""
    restorer: Restorer
    """The network."""
    sha256: str
    """Hash of its weights, those of the classifier included."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The types of damage that its classifier knows; none without one."""
        return () if self.restorer.classifier is None else tuple(self.restorer.classifier.classes)

    def restore(self, question: Question) -> Answer:
        """Restores, and names the damage where it can."""
        if self.restorer.classifier is None:
            return Answer(self.restorer.restore(question.degraded))
        restored, types = self.restorer.restore_and_classify(question.degraded)
        return Answer(restored, next(iter(types)))

    def describe(self) -> dict[str, Any]:
        """What it is."""
        backbone = self.restorer.backbone
        return {
            "name": self.name,
            "kind": "weights",
            "path": self.path,
            "family": backbone.config.name,
            "parameters": count_parameters(backbone),
            "classes": list(self.classes),
            "sha256": self.sha256,
        }


@dataclass(frozen=True)
class FolderArm:
    """Images that were restored before."""

    name: str
    """What tables call it."""
    folder: Path
    """Where they are."""

    def restore(self, question: Question) -> Answer:
        """Reads the result.

        Raises:
            UserError: If there is none, it cannot be read, or is of another size.
        """
        path = self.find(question.place, question.flat)
        if path is None:
            raise UserError(f"{self.folder}: no result {question.place}.png")
        pixels = read_image(path).pixels
        if pixels.shape != question.degraded.shape:
            sizes = (f"{image.shape[-1]} x {image.shape[-2]} pixels" for image in (pixels, question.degraded))
            raise UserError(f"{path}: {', and the image is '.join(sizes)}")
        return Answer(pixels)

    def find(self, place: str, flat: Sequence[str]) -> Path | None:
        """The file of a result; None where there is none."""
        for name in (place, *flat):
            for suffix in SUFFIXES:
                path = self.folder / f"{name}{suffix}"
                if path.is_file():
                    return path
        return None

    def describe(self) -> dict[str, Any]:
        """What it is."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if is_image(path) and path.is_file():
                name = path.relative_to(self.folder).as_posix()
                digest.update(f"{len(name)}:{name}{path.stat().st_size}".encode(errors="surrogateescape"))
        return {"name": self.name, "kind": "restored", "path": str(self.folder), "names_sha256": digest.hexdigest()}


@dataclass(frozen=True)
class BaselineArm:
    """A method without training."""

    baseline: Baseline
    """Which."""

    @property
    def name(self) -> str:
        """What tables call it."""
        return self.baseline.name

    def restore(self, question: Question) -> Answer:
        """Restores."""
        return Answer(self.baseline.restore(question.degraded))

    def describe(self) -> dict[str, Any]:
        """What it is."""
        return {"name": self.name, "kind": "baseline", "title": self.baseline.title, "source": self.baseline.source}


class Choice(NamedTuple):
    """What is to be measured, as words, from which any process can make the arms."""

    weights: tuple[str, ...] = ()
    """Paths or names on the Hub, with ``NAME=`` in front where they are to be called something else."""
    restored: tuple[str, ...] = ()
    """``NAME=DIR`` each."""
    baselines: tuple[str, ...] = ()
    """Names, or ``all`` alone."""
    device: str = "auto"
    """Where networks run."""
    share: int = 1
    """Processes that measure side by side, and share the memory that is free."""


def make_arms(choice: Choice) -> list[Arm]:
    """The input and all that is named, in order.

    Raises:
        UserError: If something cannot be loaded or is unknown, or two have one name.
    """
    arms: list[Arm] = [InputArm()]
    named = [_split(word) for word in choice.weights]
    ends = dict(zip(named, _short([path for _, path in named]), strict=True))
    memory = 0 if choice.share == 1 or not named else memory_share(find_device(choice.device), choice.share)
    options = RestoreOptions(precision="float32", memory=memory)
    for name, path in named:
        restorer = Restorer.from_pretrained(path, device=choice.device, options=options)
        sha256 = weights_sha256(restorer.backbone, restorer.classifier)
        arms.append(NetworkArm(name or ends[name, path], path, restorer, sha256))
    for word in choice.restored:
        name, place = _split(word)
        folder = Path(place)
        if not folder.is_dir():
            raise UserError(f"{folder}: no folder of restored images; --restored takes NAME=DIR")
        arms.append(FolderArm(name or folder.resolve().name, folder))
    wanted = [name for name in BASELINES if name != IDENTITY] if choice.baselines == (ALL,) else choice.baselines
    for name in wanted:
        if name not in BASELINES:
            raise UserError(f"no baseline is called {name!r}{nearest(name, (*BASELINES, ALL))}")
        arms.append(BaselineArm(BASELINES[name]))
    names = [arm.name for arm in arms]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two things to measure are called {name!r}; NAME=PATH gives one another name")
    return arms


def _split(word: str) -> tuple[str, str]:
    name, equals, path = word.partition("=")
    return (name, path) if equals and name and path and "/" not in name else ("", word)


def _short(places: Sequence[str]) -> list[str]:
    paths = [Path(locate_weights(place)).absolute() for place in places]
    # A file is called by its name without suffix, or by its folder where all files have that name.
    ends = [path.parent if path.name == WEIGHTS else path.with_suffix("") if path.is_file() else path for path in paths]
    if len(set(ends)) < len(ends):
        raise UserError("the same weights are named twice")
    return unique_names(ends)
