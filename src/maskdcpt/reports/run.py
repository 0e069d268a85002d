"""The page of one training run, as far as it has come: what the folder does not hold is not shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from maskdcpt.evaluation import INPUT, Row, Summary, summarise, types_of
from maskdcpt.files import read_json, read_rows
from maskdcpt.images import read_image
from maskdcpt.reports.curves import COUNTS, ENGINE, logged_terms, term_curves, time_unit
from maskdcpt.reports.page import Picture, picture, write_page
from maskdcpt.reports.plots import Curve, plot
from maskdcpt.training import read_metrics
from maskdcpt.training.confusion import read_confusion
from maskdcpt.training.pictures import list_pictures
from maskdcpt.training.run import CONFIG, ENVIRONMENT, QUARANTINE, RESTARTS
from maskdcpt.training.validation import RESTORED, read_validation, read_validation_set

SHOWN = 50
"""Replaced images that are listed; all are counted."""


class Line(NamedTuple):
    """One line of the table of validation."""

    title: str
    """Type of damage."""
    before: Summary
    """The damaged images."""
    after: Summary
    """The restored ones."""


def write_run_report(run: Path) -> Path:
    """Writes ``report.html`` of a run folder and returns its path.

    Raises:
        UserError: If a file of the run is damaged.
    """
    rows = read_metrics(run)
    validation = read_validation(run)
    replaced = read_rows(run / QUARANTINE)
    restarts = read_rows(run / RESTARTS)
    newest = list_pictures(run)[-1:]
    return write_page(
        run / "report.html",
        "run.html",
        name=run.resolve().name,
        facts=_facts(rows, len(replaced), len(restarts)),
        plots=term_curves({run.name: rows}, logged_terms(rows)),
        engine_plots=term_curves({run.name: rows}, list(ENGINE)),
        pictures=[picture(f"step {int(path.stem.split('-')[1])}", read_image(path).pixels) for path in newest],
        confusion=read_confusion(run),
        validation=validation_lines(validation[max(validation)]) if validation else [],
        validated=max(validation, default=0),
        validation_set=read_validation_set(run),
        validation_plots=_validation_plots(validation),
        replaced=replaced[:SHOWN],
        replaced_count=len(replaced),
        sources=_sources(replaced),
        restarts=restarts,
        last=rows[-1] if rows else {},
        config=(run / CONFIG).read_text(encoding="utf-8"),
        environment=read_json(run / ENVIRONMENT),
    )


def validation_lines(rows: Sequence[Row]) -> list[Line]:
    """The table of one step's rows: a line for each type of damage, and one for all."""
    parts = [*((name, name) for name in types_of(rows)), ("mean", None)]
    return [Line(title, summarise(rows, INPUT, name), summarise(rows, RESTORED, name)) for title, name in parts]


def _facts(rows: Sequence[Mapping[str, Any]], replaced: int, restarts: int) -> dict[str, str]:
    if not rows:
        return {"steps": "none logged yet"}
    unit = time_unit(rows[-1]["seconds"])
    facts = {"steps": f"{rows[-1]['step']}", "time": f"{rows[-1]['seconds'] / unit.seconds:.1f} {unit.name}"}
    values = {
        name: [row[name] for row in rows if isinstance(row.get(name), int | float)] for name in (*ENGINE, *COUNTS)
    }
    if values["samples_per_second"]:
        facts["samples a second"] = f"{fmean(values['samples_per_second']):.1f} on average"
    if values["data_wait"]:
        facts["waiting for data"] = f"{fmean(values['data_wait']):.1%} of the time on average"
    if values["memory_gib"]:
        facts["memory"] = f"{max(values['memory_gib']):.2f} GiB at most"
    if values["skipped"]:
        facts["steps skipped as not finite"] = f"{sum(values['skipped']):g}"
    facts["images replaced"] = f"{replaced}"
    facts["restarts"] = f"{restarts}"
    return facts


def _validation_plots(validation: Mapping[int, list[Row]]) -> list[Picture]:
    if len(validation) < 2:
        return []
    steps = sorted(validation)
    tables = [validation_lines(validation[step]) for step in steps]
    means = [table[-1] for table in tables]
    gains = [
        Curve(line.title, steps, [table[place].after.psnr - table[place].before.psnr for table in tables])
        for place, line in enumerate(tables[0][:-1])
    ]
    both = [
        Curve("restored", steps, [line.after.psnr for line in means]),
        Curve("input", steps, [line.before.psnr for line in means]),
    ]
    return [
        plot("Mean over all types", both, x="step", y="PSNR in dB"),
        plot("Gain by type of damage", gains, x="step", y="dB over the input"),
    ]


def _sources(replaced: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
    # The one with the most first: it may have vanished as a whole.
    return Counter(str(row.get("source", "")) for row in replaced).most_common()
