"""What a run is measured on as it trains: a fixed test, and rows that tell what came of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from maskdcpt.config import configuration, from_dict, to_dict
from maskdcpt.data import CachedImages, CentralCrops, CleanImages, EmbeddedImages, FolderImages
from maskdcpt.errors import UserError, naming, require
from maskdcpt.evaluation import Row, evaluate, find_clean_protocol
from maskdcpt.files import read_json, read_rows, write_json, write_rows
from maskdcpt.inference import Restorer
from maskdcpt.metrics.fidelity import WINDOW
from maskdcpt.training.run import drop_rows_after

VALIDATION = "validation.jsonl"
"""File of the rows of a run."""

VALIDATION_SET = "validation.json"
"""File that says what a run is measured on."""

RESTORED = "restored"
"""The arm of the network that is trained."""

NONE = "none"
"""In place of a protocol: nothing is measured."""


@configuration
class ValidationConfig:
    """What a run is measured on."""

    protocol: str = "synthetic-5d"
    """Name of the protocol, or ``none`` to measure nothing."""
    folder: str | None = None
    """Folder of clean images that training does not see; without it the embedded test images are used."""
    images: int = 9
    """How many images of it, the first ones in order; fewer if there are not as many."""
    crop: int = 256
    """Side of the middle part that is measured, in pixels; 0 for whole images."""
    every: int = 0
    """Steps between two measurements; 0 for one at the end alone. There is always one at the end."""

    def __post_init__(self) -> None:
        if self.protocol != NONE:
            with naming("validation.protocol"):
                find_clean_protocol(self.protocol)
        require("validation.images", self.images, 1, math.inf)
        require("validation.every", self.every, 0, math.inf)
        if self.crop:
            require("validation.crop (0 for whole images)", self.crop, WINDOW, math.inf)


@configuration
class ValidationSet:
    """What a run is measured on, to the last pixel: numbers of runs for which it is equal can be compared."""

    protocol: str
    """Name of the protocol."""
    version: int
    """Its version."""
    images: tuple[str, ...]
    """Names of the clean images; the random numbers of damage depend on them."""
    crop: int
    """Side of the middle part that is measured, in pixels; 0 for whole images."""
    sha256: str
    """Hash of sizes and 8-bit values of the clean images, as they are measured."""

    def difference(self, other: ValidationSet) -> str | None:
        """The first thing in which another differs, this one's value first; None if it is the same."""
        if (self.protocol, self.version) != (other.protocol, other.version):
            return f"protocol {self.protocol} v{self.version} and {other.protocol} v{other.version}"
        if self.crop != other.crop:
            return f"crop {self.crop} and {other.crop}"
        if len(self.images) != len(other.images):
            return f"{len(self.images)} and {len(other.images)} images"
        for one, another in zip(self.images, other.images, strict=True):
            if one != another:
                return f"image {one} and {another}"
        return None if self.sha256 == other.sha256 else "images of the same names with other pixels"


class Validation:
    """Measures networks on a fixed set of damaged images.

    Args:
        config: What to measure on; its protocol is not ``none``.

    Attributes:
        measured_on: What that is.

    Raises:
        UserError: If an image cannot be read or is too small.
    """

    def __init__(self, config: ValidationConfig) -> None:
        found = FolderImages(config.folder) if config.folder is not None else EmbeddedImages("test")
        cut = CentralCrops(found, config.crop) if config.crop else found
        self._images = CachedImages(_First(cut, config.images))
        self._protocol = find_clean_protocol(config.protocol)
        self.measured_on = ValidationSet(
            protocol=self._protocol.name,
            version=self._protocol.version,
            images=tuple(self._images.names),
            crop=config.crop,
            sha256=_hash(self._images),
        )

    def measure(self, restorer: Restorer, progress: bool = True) -> list[Row]:
        """Measures the damaged input and a network.

        Args:
            restorer: The network.
            progress: Whether to show a progress bar on standard error.

        Raises:
            UserError: If the network's output is not finite, or memory does not suffice.
        """
        return evaluate(self._protocol, {RESTORED: restorer}, self._images, progress)


def open_validation(run: Path, config: ValidationConfig) -> Validation | None:
    """What a run is measured on: written into its folder when it begins, and the same whenever it resumes.

    Args:
        run: The folder.
        config: What to measure on.

    Returns:
        None if nothing is to be measured.

    Raises:
        UserError: If the images cannot be used, or are others than when the run began.
    """
    if config.protocol == NONE:
        return None
    with naming("validation"):
        validation = Validation(config)
    before = read_validation_set(run)
    if before is None:
        write_json(run / VALIDATION_SET, to_dict(validation.measured_on))
    elif difference := before.difference(validation.measured_on):
        raise UserError(
            f"{run}: what is measured on has changed since this run was started ({difference}); "
            "put it back to resume, or use another --run-dir"
        )
    return validation


def read_validation_set(run: Path) -> ValidationSet | None:
    """What a run is measured on; None if nothing is.

    Raises:
        UserError: If the file is damaged.
    """
    path = run / VALIDATION_SET
    return from_dict(ValidationSet, read_json(path), where=str(path)) if path.is_file() else None


def record_validation(run: Path, step: int, rows: Iterable[Row]) -> None:
    """Adds the rows of a step to those of a run: all or none are there, whenever the run ends.

    Rows of this and of later steps, left by a run that has resumed before them, are replaced.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    before = [row for row in read_rows(run / VALIDATION) if row["step"] < step]
    write_rows(run / VALIDATION, [*before, *({"step": step, **asdict(row)} for row in rows)])


def drop_validation_after(run: Path, step: int) -> None:
    """Forgets the rows of steps that a resumed run is going to repeat."""
    drop_rows_after(run / VALIDATION, step)


def read_validation(run: Path) -> dict[int, list[Row]]:
    """The rows of a run by step, in order; none where nothing was measured yet.

    Raises:
        UserError: If the file is damaged.
    """
    steps: dict[int, list[Row]] = {}
    for row in read_rows(run / VALIDATION):
        try:
            steps.setdefault(row.pop("step"), []).append(Row(**row))
        except (KeyError, TypeError):
            raise UserError(f"{run / VALIDATION}: not rows of a validation; remove the file") from None
    return steps


class _First:
    def __init__(self, images: CleanImages, count: int) -> None:
        self.names = images.names[:count]
        self._images = images

    def __getitem__(self, index: int) -> Tensor:
        return self._images[index]


def _hash(images: CleanImages) -> str:
    digest = hashlib.sha256()
    for index, name in enumerate(images.names):
        pixels = images[index].mul(255).round().byte()
        if min(pixels.shape[-2:]) < WINDOW:
            size = f"{pixels.shape[-1]} x {pixels.shape[-2]}"
            raise UserError(f"{name}: {size} pixels are too few to measure; {WINDOW} or more a side are needed")
        digest.update(f"{tuple(pixels.shape)}".encode())
        digest.update(pixels.contiguous().numpy().tobytes())
    return digest.hexdigest()
