"""The page of an evaluation: measured numbers beside published ones, pictures, and how to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from maskdcpt.evaluation import find_protocol
from maskdcpt.evaluation.bootstrap import FEWEST, LEVEL, RESAMPLES, Estimate
from maskdcpt.evaluation.efficiency import SIDE, Efficiency
from maskdcpt.evaluation.engine import Plan
from maskdcpt.evaluation.evaluate import INPUT
from maskdcpt.evaluation.published import PublishedTable, published_tables
from maskdcpt.evaluation.results import Measurement
from maskdcpt.evaluation.summary import GROUP, MEAN, SET, Line, Results
from maskdcpt.evaluation.testset import CANONICAL, PUBLISHED
from maskdcpt.metrics import METRICS, Metric, SetMetric, find_metric
from maskdcpt.metrics.shown import digits, leading
from maskdcpt.reports.evaluation_pictures import ERROR, Section, bars, confusion_table, strips
from maskdcpt.reports.page import write_page

ROUNDED = "_8bit"
"""What the names of metrics end in that round to 8 bit first."""


class Row(NamedTuple):
    """One line of a table beside published numbers."""

    title: str
    """Method or arm."""
    mark: str
    """``measured`` or ``published``, and how."""
    cells: list[str]
    """One a column."""


class Beside(NamedTuple):
    """A table of measured and published numbers."""

    title: str
    """What it is of."""
    source: str
    """Where the published ones are from."""
    metrics: str
    """What cells hold."""
    columns: list[str]
    """Tasks or sets."""
    rows: list[Row]
    """Measured ones first."""


class Gap(NamedTuple):
    """A difference on the page."""

    text: str
    """Mean and interval."""
    better: bool | None
    """Whether the arm is better than the first; None where the interval does not tell."""
    statement: str
    """What the interval says."""
    images: int
    """How many images it is of."""


def write_evaluation(
    path: Path,
    record: Mapping[str, Any],
    results: Results,
    rows: Sequence[Measurement],
    costs: Sequence[Efficiency],
    plan: Plan | None,
) -> Path:
    """Writes the page.

    Args:
        path: The HTML file.
        record: What ``summary.json`` holds.
        results: Means and differences.
        rows: What they are of.
        costs: Of the networks.
        plan: How pictures are made anew; None for a page without strips.
    """
    protocol = find_protocol(record["protocol"])
    metrics = [find_metric(name) for name in results.metrics]
    main = leading(metrics)
    first = next((arm for arm in results.arms if arm != INPUT), INPUT)
    sections: list[Section] = []
    left_out = 0
    shown = next((metric for metric in main if isinstance(metric, Metric)), None)
    if plan is not None and shown is not None:
        sections, left_out = strips(plan, rows, first, shown)
    lines = [line for line in results.lines if line.kind != SET]
    return write_page(
        path,
        "evaluation.html",
        protocol=protocol,
        record=record,
        results=results,
        metrics=metrics,
        leading=main,
        images=max(each.images for line in lines for each in line.values[results.arms[0]].values()),
        beside=[_beside(table, results) for table in published_tables(protocol.name)],
        lines=lines,
        sets=[line for line in results.lines if line.kind == SET],
        cell=_cell,
        spread=_spread,
        gaps=list(_gaps(results, main)),
        others=[arm for arm in results.arms if arm != results.reference],
        bars=[each for each in (bars(results, metric) for metric in main[:1]) if each is not None],
        sections=sections,
        left_out=left_out,
        first=first,
        error=ERROR,
        confusions=list(_confusions(results, record)),
        costs=costs,
        side=SIDE,
        resamples=RESAMPLES,
        fewest=FEWEST,
        level=LEVEL,
        published=PUBLISHED,
        canonical=CANONICAL,
        total=(GROUP, MEAN),
    )


def _cell(line: Line, arm: str, metrics: Sequence[Metric | SetMetric]) -> str:
    return " / ".join(_text(line.values[arm].get(metric.name), metric) for metric in metrics)


def _text(value: Estimate | None, metric: Metric | SetMetric) -> str:
    return "-" if value is None else f"{value.mean:.{digits(metric)}f}"


def _spread(line: Line, arm: str, metric: Metric | SetMetric) -> str:
    value = line.values[arm].get(metric.name)
    if value is None or value.low is None or value.high is None:
        return ""
    return f"{value.low:.{digits(metric)}f} to {value.high:.{digits(metric)}f}"


def _gaps(
    results: Results, metrics: Sequence[Metric | SetMetric]
) -> Iterator[tuple[Metric | SetMetric, list[tuple[Line, list[Gap]]]]]:
    found = {(*each[:3], each.metric, each.arm): each for each in results.differences}
    others = [arm for arm in results.arms if arm != results.reference]
    for metric in metrics:
        table = []
        for line in results.lines:
            if line.kind == SET or line.variant != CANONICAL or metric.name not in line.values[results.reference]:
                continue
            table.append((line, [_gap(found[(*line[:3], metric.name, arm)], metric) for arm in others]))
        if table and others:
            yield metric, table


def _gap(difference: Any, metric: Metric | SetMetric) -> Gap:
    mean, low, high, images = difference.estimate
    places = digits(metric)
    text = f"{mean:+.{places}f}"
    if low is not None and high is not None:
        text += f" [{low:+.{places}f}, {high:+.{places}f}]"
    better = (mean > 0) == metric.higher_is_better if difference.estimate.excludes_zero else None
    return Gap(text, better, difference.statement, images)


def _beside(table: PublishedTable, results: Results) -> Beside:
    names = [name for name in table.metrics if name in METRICS][:2] or table.metrics[:2]
    known = {line.name for line in results.lines if line.kind == table.kind}
    columns = sorted(table.columns, key=lambda column: column not in known)  # what was measured comes first
    measured = list(_measured_rows(table, results, names, columns))
    published = [
        Row(method, "published", [_numbers(found.get(column), table.metrics, names) for column in columns])
        for method, found in table.rows.items()
    ]
    titles = " / ".join(METRICS[name].title if name in METRICS else name.upper() for name in names)
    return Beside(table.title, table.source, titles, columns, [*measured, *published])


def _measured_rows(
    table: PublishedTable, results: Results, names: Sequence[str], columns: Sequence[str]
) -> Iterator[Row]:
    variants = list(dict.fromkeys(line.variant for line in results.lines))
    for arm in results.arms:
        for variant in variants:
            for suffix in ("", ROUNDED):
                lines = {
                    line.name: line for line in results.lines if line.kind == table.kind and line.variant == variant
                }
                cells = [
                    " / ".join(
                        _text(lines[column].values[arm].get(f"{name}{suffix}"), METRICS[name])
                        for name in names
                        if name in METRICS
                    )
                    if column in lines
                    else "-"
                    for column in columns
                ]
                how = ["measured", *(["8 bit"] if suffix else []), *([variant] if len(variants) > 1 else [])]
                if any(cell.strip(" -/") for cell in cells):
                    yield Row(arm, ", ".join(how), cells)


def _numbers(values: Sequence[float] | None, metrics: Sequence[str], names: Sequence[str]) -> str:
    if values is None:
        return "-"
    known = dict(zip(metrics, values, strict=True))
    return " / ".join(f"{known[name]:.{3 if name == 'ssim' else 2}f}" for name in names)


def _confusions(
    results: Results, record: Mapping[str, Any]
) -> Iterator[tuple[str, list[str], list[tuple[str, list[int], int]], float | None, int]]:
    for arm in record["arms"]:
        named = results.named.get(arm["name"])
        if named is not None and named.counts:
            classes = list(arm["classes"])
            yield arm["name"], classes, list(confusion_table(named.counts, classes)), named.accuracy, named.known
