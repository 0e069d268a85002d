"""Curves of what runs have logged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from maskdcpt.reports.page import Picture
from maskdcpt.reports.plots import Curve, plot
from maskdcpt.training import read_metrics

TERMS = {
    "loss": ("Loss", "what is minimised"),
    "reconstruction": ("Reconstruction", "mean absolute error"),
    "restoration": ("Restoration loss", "what is minimised"),
    "psnr": ("Restoration", "PSNR in dB"),
    "classification": ("Classification", "focal loss"),
    "accuracy": ("Accuracy", "share named rightly"),
}
"""Logged terms that tell what is learned, with the title of their plot and that of its axis."""

VALIDATION = "validation"
"""What the mean PSNR on validation images is called among terms."""

ENGINE = {
    "lr": ("Learning rate", "of the network"),
    "gradient_norm": ("Gradient", "length before clipping"),
    "samples_per_second": ("Speed", "samples a second"),
    "data_wait": ("Waiting for data", "share of the time"),
    "memory_gib": ("Memory", "GiB"),
}
"""Logged terms that tell how training goes."""

COUNTS = ("skipped", "faults")
"""Logged terms that count what has happened since the row before."""

POINTS = 400
"""A curve of more points than this shows means of as many neighbours as are needed."""

Row = Mapping[str, Any]


class Unit(NamedTuple):
    """What an axis of time counts in."""

    name: str
    """Plural."""
    seconds: float
    """Of one."""


def time_unit(seconds: float) -> Unit:
    """The unit in which a time is told."""
    if seconds < 120:
        return Unit("seconds", 1)
    return Unit("minutes", 60) if seconds < 7200 else Unit("hours", 3600)


def run_curves(runs: Mapping[str, Path], terms: Sequence[str]) -> list[Picture]:
    """One plot a term, with a curve for every run that has logged it.

    Args:
        runs: Label to run folder.
        terms: Names as in ``metrics.jsonl``.
    """
    return term_curves({label: read_metrics(folder) for label, folder in runs.items()}, terms)


def term_curves(rows: Mapping[str, Sequence[Row]], terms: Sequence[str], *, over_time: bool = False) -> list[Picture]:
    """One plot a term, with a curve for all rows that hold it.

    Args:
        rows: Label to rows as in ``metrics.jsonl``.
        terms: Which terms.
        over_time: Whether to draw over the time of training instead of over steps.
    """
    unit = time_unit(max((row["seconds"] for found in rows.values() for row in found), default=0))
    titles = {**TERMS, **ENGINE, VALIDATION: ("Validation", "mean PSNR in dB")}
    plots = []
    for term in terms:
        title, axis = titles.get(term, (term, ""))
        curves = []
        for label, found in rows.items():
            points = [
                (row["seconds"] / unit.seconds if over_time else row["step"], row[term])
                for row in found
                if isinstance(row.get(term), int | float)
            ]
            curves.append(thinned(Curve(label, [x for x, _ in points], [y for _, y in points])))
        if any(curve.x for curve in curves):
            plots.append(plot(title, curves, x=unit.name if over_time else "step", y=axis))
    return plots


def logged_terms(rows: Sequence[Row]) -> list[str]:
    """The terms of rows that tell what is learned: those that are known in their order, then all others."""
    found = dict.fromkeys(name for row in rows for name in row)
    about = {"step", "seconds", *ENGINE, *COUNTS, *TERMS}
    return [*(name for name in TERMS if name in found), *(name for name in found if name not in about)]


def thinned(curve: Curve) -> Curve:
    """A curve of at most ``POINTS`` points, each the mean of the same number of neighbours but for the last."""
    group = math.ceil(len(curve.x) / POINTS)
    if group <= 1:
        return curve
    starts = range(0, len(curve.x), group)
    x, y = ([fmean(values[start : start + group]) for start in starts] for values in (curve.x, curve.y))
    return Curve(curve.label, x, y)
