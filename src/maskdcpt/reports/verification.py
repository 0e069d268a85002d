"""What was found in a folder of data sets."""

from __future__ import annotations

from pathlib import Path

from maskdcpt.datasets.verify import RootReport
from maskdcpt.reports.page import write_page


def write_verification(path: Path, report: RootReport) -> Path:
    """Writes a page with every problem of every data set.

    Args:
        path: The HTML file.
        report: What was found.
    """
    return write_page(path, "verification.html", report=report)
