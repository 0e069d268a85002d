"""The page of one training run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from maskdcpt.reports.page import Picture, write_page
from maskdcpt.reports.plots import Curve, plot
from maskdcpt.training import read_metrics
from maskdcpt.training.run import CONFIG, ENVIRONMENT

TERMS = {
    "reconstruction": ("Reconstruction", "mean absolute error"),
    "psnr": ("Restoration", "PSNR in dB"),
    "classification": ("Classification", "focal loss"),
    "accuracy": ("Accuracy", "share named rightly"),
}
"""Logged terms that get a plot, with its title and that of its axis."""


def run_curves(runs: dict[str, Path], terms: Sequence[str]) -> list[Picture]:
    """One plot a term, with a curve for every run that has logged it.

    Args:
        runs: Label to run folder.
        terms: Names as in ``metrics.jsonl``.
    """
    rows = {label: read_metrics(folder) for label, folder in runs.items()}
    plots = []
    for term in terms:
        curves = [
            Curve(label, [row["step"] for row in found if term in row], [row[term] for row in found if term in row])
            for label, found in rows.items()
        ]
        present = [curve for curve in curves if curve.x]
        if present:
            plots.append(plot(TERMS[term][0], present, x="step", y=TERMS[term][1]))
    return plots


def write_run_report(run: Path) -> Path:
    """Writes ``report.html`` of a run folder and returns its path."""
    rows = read_metrics(run)
    return write_page(
        run / "report.html",
        "run.html",
        name=run.name,
        last=rows[-1],
        plots=run_curves({run.name: run}, list(TERMS)),
        config=(run / CONFIG).read_text(encoding="utf-8"),
        environment=json.loads((run / ENVIRONMENT).read_text(encoding="utf-8")),
    )
