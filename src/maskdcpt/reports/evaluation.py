"""The page of an evaluation: measured numbers beside published ones, pictures, and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maskdcpt.evaluation.efficiency import Efficiency
from maskdcpt.evaluation.engine import Plan
from maskdcpt.evaluation.results import Measurement
from maskdcpt.evaluation.summary import Results
from maskdcpt.reports.page import write_page


def write_evaluation(
    path: Path,
    record: Mapping[str, Any],
    results: Results,
    rows: Sequence[Measurement],
    costs: Sequence[Efficiency],
    plan: Plan | None,
) -> Path:
    """Writes the page."""
    return write_page(path, "evaluation.html", record=record, results=results)
