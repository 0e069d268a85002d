"""Metrics of whole test sets: what they count with is kept for each case, so that an interruption costs one image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.evaluation.case import Case
from maskdcpt.files import write_whole
from maskdcpt.metrics import SetMetric

FEATURES = "features"
"""Folder of a file for each case, with features of what each arm has restored, and of the clean image."""

FEWEST = 2
"""Images that a set needs to have a spread."""


class Judged(NamedTuple):
    """What a metric of sets says of one arm."""

    arm: str
    """The arm."""
    metric: str
    """The metric."""
    value: float
    """What it says."""


def write_features(
    out: Path, case: Case, metrics: Sequence[SetMetric], clean: Tensor, restored: Mapping[str, Tensor]
) -> None:
    """Keeps what metrics count with, whole or not at all.

    Args:
        out: Folder of results.
        case: Which case.
        metrics: The metrics of sets.
        clean: The clean image (3, H, W) in [0, 1].
        restored: Arm to what it has restored, like the clean image.

    Raises:
        UserError: If an image cannot be judged, or the package or its weights are missing.
        OSError: If the disk is full or the file cannot be written.
    """
    found: dict[str, Tensor] = {}
    for metric in metrics:
        if not case.number:  # the clean image is the same for every damage
            found[_clean(metric)] = metric.features(clean)
        for arm, image in restored.items():
            found[_restored(metric, arm)] = metric.features(image)
    path = _path(out, case)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save(found))


def has_features(out: Path, case: Case) -> bool:
    """Whether what metrics of sets count with is there for a case."""
    return _path(out, case).is_file()


def judge_set(out: Path, cases: Sequence[Case], metrics: Sequence[SetMetric], arms: Sequence[str]) -> Iterator[Judged]:
    """Judges all that each arm has restored of a test set, whatever the damage, against its clean images.

    Raises:
        UserError: If features are missing or damaged, or are of fewer than two images.
    """
    files = {case.key: _read(_path(out, case)) for case in cases}
    for arm in arms:
        for metric in metrics:
            restored = torch.stack([files[case.key][_restored(metric, arm)] for case in cases])
            clean = torch.stack([files[case.key][_clean(metric)] for case in cases if not case.number])
            yield Judged(arm, metric.name, metric.distance(restored, clean))


def _path(out: Path, case: Case) -> Path:
    return out / FEATURES / f"{case.place}.safetensors"


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: cannot be read ({reason}); remove it, and the same command makes it anew") from None


def _clean(metric: SetMetric) -> str:
    return f"{metric.name}/clean"


def _restored(metric: SetMetric, arm: str) -> str:
    return f"{metric.name}/restored/{arm}"
