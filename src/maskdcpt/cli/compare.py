"""``maskdcpt compare``: holds training runs against one another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.cli.columns import aligned
from maskdcpt.evaluation import Summary
from maskdcpt.reports import Comparison, compare_runs, require_new_page, steps_text, time_text, write_comparison


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compares training runs, finished or still going: prints a table and writes a page with curves and settings."""

    runs: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RUN")]]
    """Folders of two runs or more; differences are from the first."""
    out: Annotated[Path, tyro.conf.arg(metavar="HTML")] = Path("compare.html")
    """The page."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces a page that exists."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt compare")
    comparison = compare_runs(options.runs)
    require_new_page(options.out, options.force)
    write_comparison(options.out, comparison)
    for line in _table(comparison):
        print(line)
    for note in comparison.notes:
        print(f"note: {note}")
    print(f"page: {options.out}")
    return 0


def _table(comparison: Comparison) -> list[str]:
    runs = comparison.runs
    lines = [
        ["", *(run.name for run in runs)],
        ["steps", *(steps_text(run) for run in runs)],
        ["time", *(time_text(run) for run in runs)],
        ["parameters", *(f"{run.parameters:,}" for run in runs)],
    ]
    if not comparison.results:
        return list(aligned(lines))
    first, *others = (run.name for run in comparison.measured)
    results = [["PSNR/SSIM", "input", first, *(word for name in others for word in (name, "dB"))]]
    for line in comparison.results:
        base, *rest = line.after
        cells = [word for after in rest for word in (_pair(after), f"{after.psnr - base.psnr:+.2f}")]
        results.append([line.title, _pair(line.before), _pair(base), *cells])
    measured_on = comparison.validation_set
    assert measured_on is not None
    protocol = f"protocol {measured_on.protocol} v{measured_on.version}, {len(measured_on.images)} images"
    return [*aligned(lines), "", *aligned(results), protocol, *comparison.better]


def _pair(summary: Summary) -> str:
    return f"{summary.psnr:.2f}/{summary.ssim:.4f}"
