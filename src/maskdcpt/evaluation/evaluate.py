"""Runs networks over the cases of a protocol: one row per network and case, and summaries computed from the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from maskdcpt import metrics
from maskdcpt.data import CleanImages
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import naming
from maskdcpt.evaluation.protocol import Case, cases, damages_of
from maskdcpt.evaluation.testset import Protocol
from maskdcpt.inference import Restorer
from maskdcpt.progress import progress_bar

INPUT = "input"
"""The arm that leaves the damaged image as it is; what any network has to beat."""


@dataclass(frozen=True)
class Row:
    """One image, damaged in one way, restored by one arm."""

    protocol: str
    """Name and version."""
    arm: str
    """``input`` or the name of the network."""
    image: str
    """Name of the clean image."""
    type: str
    """Type of damage."""
    level: str
    """Its level."""
    psnr: float
    """Peak signal-to-noise ratio in dB."""
    ssim: float
    """Structural similarity."""
    predicted: str
    """Type that the network's classifier names, empty without one."""


@dataclass(frozen=True)
class Summary:
    """Means of one arm over one type of damage, or over the means of all types."""

    psnr: float
    """Mean PSNR in dB."""
    ssim: float
    """Mean SSIM."""
    accuracy: float | None
    """Mean share of images whose type of damage was named rightly; None without a classifier."""


def evaluate(protocol: Protocol, arms: Mapping[str, Restorer], images: CleanImages, progress: bool = True) -> list[Row]:
    """Measures the damaged input and every arm on every case.

    Args:
        protocol: What to measure.
        arms: Name to network.
        images: Clean images.
        progress: Whether to show a progress bar on standard error.
    """
    rows: list[Row] = []
    total = len(images.names) * len(damages_of(protocol))
    with progress_bar(total=total, title="evaluating", unit="image", show=progress) as bar:
        for case in cases(protocol, images):
            with naming(case.image):
                rows.append(_measure(protocol, case, INPUT, None))
                rows.extend(_measure(protocol, case, name, restorer) for name, restorer in arms.items())
            bar.update()
    return rows


def _measure(protocol: Protocol, case: Case, arm: str, restorer: Restorer | None) -> Row:
    restored, predicted = case.degraded, ""
    if restorer is not None and restorer.classifier is not None:
        restored, types = restorer.restore_and_classify(case.degraded)
        predicted = next(iter(types))
    elif restorer is not None:
        restored = restorer.restore(case.degraded)
    return Row(
        protocol=f"{protocol.name} v{protocol.version}",
        arm=arm,
        image=case.image,
        type=case.type,
        level=case.level,
        psnr=metrics.psnr(restored, case.clean).item(),
        ssim=metrics.ssim(restored, case.clean).item(),
        predicted=predicted,
    )


def summarise(rows: Iterable[Row], arm: str, type_name: str | None = None) -> Summary:
    """Means of one arm over one type of damage, or over all.

    Every image and level of a type counts the same, and so does every type, however many levels are measured of it.
    """
    types: dict[str, list[Row]] = {}
    for row in rows:
        if row.arm == arm and type_name in (None, row.type):
            types.setdefault(row.type, []).append(row)
    named = [
        fmean(CATALOGUE.name_the_same(row.predicted, row.type) for row in chosen)
        for found in types.values()
        if (chosen := [row for row in found if row.predicted])
    ]
    return Summary(
        psnr=fmean(fmean(row.psnr for row in found) for found in types.values()),
        ssim=fmean(fmean(row.ssim for row in found) for found in types.values()),
        accuracy=fmean(named) if named else None,
    )


def types_of(rows: Sequence[Row]) -> list[str]:
    """The types of damage in the order in which they were measured."""
    return list(dict.fromkeys(row.type for row in rows))
