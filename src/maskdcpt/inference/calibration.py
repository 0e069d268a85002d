"""Thresholds that belong to weights: what they were measured to tell, and how often they err in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from maskdcpt.backbones.weights import WEIGHTS
from maskdcpt.config import configuration, from_dict, to_dict
from maskdcpt.errors import UserError
from maskdcpt.files import file_sha256, read_json, write_json
from maskdcpt.pretraining.weights import CLASSIFIER

CALIBRATION = "calibration.json"
"""File beside the weights that it belongs to."""

VERSION = 1
"""Grows with every change of what scores are computed from; other versions are refused."""

LEAST_FOUND = 0.2
"""Share of what a flag is there to find that it has to find; with less it says that it cannot tell."""


@configuration
class Flag:
    """A yes or no about an image: whether a weighted sum of what the network shows lies above a threshold."""

    means: tuple[float, ...]
    """Of each number of ``Evidence.vector``, taken from it first."""
    deviations: tuple[float, ...]
    """By which it is divided next."""
    weights: tuple[float, ...]
    """By which it is multiplied at last."""
    threshold: float
    """Sums above mean yes."""
    limit: float
    """Share of wrong alarms that the threshold was set for."""
    found: float
    """Share of the test images with a yes among those that deserve it."""
    false: float
    """Share of the test images with a yes among those that do not."""
    auroc: float
    """Chance that a test image that deserves a yes has the higher sum of two; 0.5 is what guessing gives."""
    positives: int
    """Test images that deserve a yes."""
    negatives: int
    """Test images that do not."""

    def __post_init__(self) -> None:
        if not len(self.means) == len(self.deviations) == len(self.weights) or min(self.deviations, default=1) <= 0:
            raise UserError("means, deviations and weights are as many, and deviations are positive")

    @property
    def useful(self) -> bool:
        """Whether it finds enough to be asked at all."""
        return self.found >= LEAST_FOUND

    def score(self, vector: Sequence[float]) -> float:
        """The sum for an image."""
        terms = zip(vector, self.means, self.deviations, self.weights, strict=True)
        return sum((value - mean) / deviation * weight for value, mean, deviation, weight in terms)

    def tell(self, vector: Sequence[float]) -> bool | None:
        """The answer for an image; None from a flag that is not useful."""
        return self.score(vector) > self.threshold if self.useful else None


@configuration
class Calibration:
    """What weights can tell about images, measured."""

    version: int = VERSION
    """Of the meaning of the numbers."""
    sha256: dict[str, str]
    """Files of the weights that it belongs to, and their hashes."""
    classes: tuple[str, ...]
    """Types of damage in the order of the logits."""
    source: str
    """The clean images it was measured on."""
    images: int
    """How many they were."""
    clean: Flag
    """Whether an image looks clean of damage that the weights know; damage of other kinds may pass unseen."""
    unfamiliar: Flag | None = None
    """Whether an image lies outside of what they know; measured on types of damage that neither the weights nor this
    flag have seen. None if there are fewer than two such types."""


def hash_weights(folder: Path) -> dict[str, str]:
    """The files of weights that a calibration belongs to, and their hashes."""
    return {name: file_sha256(folder / name) for name in (WEIGHTS, CLASSIFIER)}


def save_calibration(folder: Path, calibration: Calibration) -> Path:
    """Writes a calibration beside its weights; returns the file.

    Raises:
        OSError: If it cannot be written.
    """
    write_json(folder / CALIBRATION, to_dict(calibration))
    return folder / CALIBRATION


def load_calibration(folder: Path) -> Calibration | None:
    """Reads the calibration of weights; None if they have none.

    Raises:
        UserError: If it is damaged, of another version, or belongs to other weights.
    """
    path = folder / CALIBRATION
    if not path.is_file():
        return None
    values = read_json(path)
    again = "run `maskdcpt calibrate` on these weights again, or remove the file"
    if values.get("version") != VERSION:
        raise UserError(f"{path}: of version {values.get('version')}, and {VERSION} is needed; {again}")
    calibration = from_dict(Calibration, values, where=str(path))
    if calibration.sha256 != hash_weights(folder):
        raise UserError(f"{path}: made for other weights than are here; {again}")
    width = 1 + len(calibration.classes)
    if any(flag is not None and len(flag.means) != width for flag in (calibration.clean, calibration.unfamiliar)):
        raise UserError(f"{path}: its numbers do not fit its {len(calibration.classes)} classes; {again}")
    return calibration
