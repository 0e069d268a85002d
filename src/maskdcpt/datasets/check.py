"""Checking one clean image and what belongs to it; what a worker process does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskdcpt.datasets.fingerprint import Fingerprint, fingerprint
from maskdcpt.datasets.shift import Alignment, find_alignment, grey
from maskdcpt.errors import UserError
from maskdcpt.images import read_image


class Task(NamedTuple):
    """A clean image with its damaged ones, or a damaged image without a clean one."""

    clean: Path | None
    """The clean image."""
    degraded: tuple[tuple[str, Path, str | None], ...]
    """Key, file and type of damage of each damaged one."""


class Problem(NamedTuple):
    """What is wrong with an image or a pair."""

    kind: str
    """``unreadable``, ``size``, ``shift`` or ``unlike``."""
    where: str
    """The file, or the key of the pair."""
    what: str
    """What is wrong, a few words."""


@dataclass(frozen=True)
class Checked:
    """What a task has come to."""

    problems: tuple[Problem, ...]
    """What is wrong."""
    alignments: tuple[Alignment, ...]
    """How each pair of two images of one size is aligned."""
    prints: Fingerprint | None
    """Of the clean image, or of the damaged one where there is no other."""


def check(task: Task) -> Checked:
    """Reads the images of a task and compares them."""
    problems: list[Problem] = []
    alignments: list[Alignment] = []
    clean = None if task.clean is None else _read(task.clean, problems)
    prints = None if clean is None else fingerprint(clean)
    for key, path, damage in task.degraded:
        degraded = _read(path, problems)
        if degraded is None:
            continue
        if task.clean is None:
            prints = fingerprint(degraded)
        if clean is None:
            continue
        if degraded.shape != clean.shape:
            sizes = (f"{image.shape[1]} x {image.shape[0]}" for image in (degraded, clean))
            problems.append(Problem("size", key, " and its clean image ".join(sizes)))
            continue
        alignment = find_alignment(clean, degraded, damage)
        alignments.append(alignment)
        if alignment.problem:
            problems.append(Problem(alignment.kind, key, alignment.problem))
    return Checked(tuple(problems), tuple(alignments), prints)


def _read(path: Path, problems: list[Problem]) -> NDArray[np.float32] | None:
    try:
        return grey(read_image(path).pixels)
    except UserError as error:
        problems.append(Problem("unreadable", str(path), str(error).removeprefix(f"{path}: ")))
        return None


def thinned(items: Sequence[Task], most: int) -> list[Task]:
    """Some of the tasks, spread evenly over all."""
    if len(items) <= most:
        return list(items)
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, most)]
