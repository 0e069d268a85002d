"""What ``maskdcpt evaluate`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite

from maskdcpt.cli.columns import aligned
from maskdcpt.evaluation.bootstrap import Estimate
from maskdcpt.evaluation.summary import GROUP, MEAN, TASK, Results
from maskdcpt.evaluation.testset import CANONICAL
from maskdcpt.metrics import Metric, SetMetric
from maskdcpt.metrics.shown import digits, leading


def table(results: Results, metrics: Sequence[Metric | SetMetric]) -> Iterator[str]:
    """Means of tasks and groups by arm, and what the differences from the first arm come to."""
    lines = [line for line in results.lines if line.kind in (TASK, GROUP, MEAN) and line.variant == CANONICAL]
    shown = leading(metrics)
    title = "/".join(metric.title for metric in shown)
    rows = [[title, *results.arms]]
    for line in lines:
        values = [line.values[arm] for arm in results.arms]
        rows.append([line.name, *("/".join(_text(found.get(m.name), m) for m in shown) for found in values)])
    yield from aligned(rows)
    for arm, named in results.named.items():
        if named.accuracy is not None:
            yield f"{arm}: {named.accuracy:.0%} of {named.known} images named rightly"
    yield from _differences(results, shown[0], lines[-1].kind, lines[-1].name)


def _differences(results: Results, metric: Metric | SetMetric, kind: str, name: str) -> Iterator[str]:
    wanted = (kind, name, CANONICAL, metric.name)
    for each in results.differences:
        # An image that nothing was done to has an infinite PSNR, from which there are no differences.
        if (each.kind, each.name, each.variant, each.metric) == wanted and isfinite(each.estimate.mean):
            low, high = each.estimate.low, each.estimate.high
            interval = "" if low is None or high is None else f" [{low:+.3f}, {high:+.3f}]"
            mean = f"{each.estimate.mean:+.3f} {metric.unit}".rstrip()
            yield f"{each.arm} - {results.reference}: {mean}{interval}; {each.statement}"


def _text(value: Estimate | None, metric: Metric | SetMetric) -> str:
    return "-" if value is None else f"{value.mean:.{digits(metric)}f}"
