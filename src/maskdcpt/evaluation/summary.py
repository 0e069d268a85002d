"""Means over sets, tasks and groups, their intervals, and differences between arms."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from maskdcpt.degradations import CATALOGUE
from maskdcpt.evaluation.bootstrap import RESAMPLES, Estimate, Numbers, estimate, resampled_means
from maskdcpt.evaluation.results import Measurement
from maskdcpt.evaluation.testset import CANONICAL, PUBLISHED
from maskdcpt.metrics import SET_METRICS

SET, TASK, GROUP, MEAN = "set", "task", "group", "mean"
"""What a line of a summary is a mean of; ``mean`` is that over all tasks."""


class Line(NamedTuple):
    """Means of one set, task or group."""

    kind: str
    """``set``, ``task``, ``group`` or ``mean``."""
    name: str
    """Which."""
    variant: str
    """``canonical`` or ``published``."""
    values: dict[str, dict[str, Estimate]]
    """Arm to metric to mean."""


class Difference(NamedTuple):
    """How an arm differs from the first one, image by image."""

    kind: str
    """As of a line."""
    name: str
    """As of a line."""
    variant: str
    """As of a line."""
    metric: str
    """Of which metric."""
    arm: str
    """The arm."""
    estimate: Estimate
    """Mean of its values less those of the first arm."""

    @property
    def statement(self) -> str:
        """What the interval says."""
        if self.metric in SET_METRICS:
            return "a metric of whole sets, which has no interval"
        if not math.isfinite(self.estimate.mean):
            return "not a finite number: an original is given back exactly by one of the two, or by both"
        excludes = self.estimate.excludes_zero
        if excludes is None:
            return f"{self.estimate.images} images are too few to tell"
        images = f"{self.estimate.images} images"
        return f"interval excludes 0, {images}" if excludes else f"interval includes 0, {images}"


class Named(NamedTuple):
    """How an arm names the types of damage."""

    counts: dict[str, dict[str, int]]
    """True type to named type to images."""
    right: int
    """Images of types it knows that are named rightly."""
    known: int
    """Images of types it knows."""

    @property
    def accuracy(self) -> float | None:
        """Share of images of types it knows that are named rightly; None if there are none."""
        return self.right / self.known if self.known else None


class Results(NamedTuple):
    """All that is told of rows."""

    reference: str
    """The arm that differences are from."""
    arms: list[str]
    """All, the input first."""
    metrics: list[str]
    """All."""
    lines: list[Line]
    """Means."""
    differences: list[Difference]
    """Of all other arms from the reference."""
    named: dict[str, Named]
    """Arms with a classifier to what they name."""


class _Table(NamedTuple):
    # One set: values of images (N, V) with a column for each arm and metric, and the same resampled (RESAMPLES, V).
    group: str
    task: str
    name: str
    variant: str
    replaces: str
    sources: dict[str, int]  # what tells sets of the same images, to how many there are
    means: Numbers
    resampled: Numbers


def summarise_rows(
    rows: Sequence[Measurement],
    replaces: Mapping[str, str],
    classes: Mapping[str, Sequence[str]],
    sizes: Mapping[str, int],
) -> Results:
    """Sums up rows.

    An image counts once in its set, with the mean over its damages; sets count alike in a task, tasks in a group.

    Args:
        rows: What was measured, by the same arms on every image.
        replaces: Published set to the canonical one whose place it takes.
        classes: Arm to the types of damage that it knows.
        sizes: Test set to how many images it has, for those that are judged as a whole alone.
    """
    arms = list(dict.fromkeys(row.arm for row in rows))
    metrics = list(dict.fromkeys(row.metric for row in rows))
    reference = arms[1] if len(arms) > 2 else arms[0]
    tables = [_table(name, found, arms, metrics, replaces, sizes) for name, found in _by_set(rows).items()]
    lines: list[Line] = []
    differences: list[Difference] = []
    unknown = {f"types unknown to {arm}": unseen_tasks(rows, known) for arm, known in classes.items()}
    for kind, name, variant, parts in _parts(tables, unknown):
        means = _mean([part.means for part in parts])
        resampled = _mean([part.resampled for part in parts])
        counts = tuple(_sources(parts).values())
        lines.append(Line(kind, name, variant, _values(arms, metrics, means, resampled, counts)))
        differences += _differences(lines[-1], arms, metrics, reference, means, resampled, counts)
    named = {arm: _named([row for row in rows if row.arm == arm], known) for arm, known in classes.items() if known}
    return Results(reference, arms, metrics, lines, differences, named)


def _by_set(rows: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    found: dict[str, list[Measurement]] = {}
    for row in rows:
        found.setdefault(row.set, []).append(row)
    return found


def _table(
    name: str,
    rows: Sequence[Measurement],
    arms: Sequence[str],
    metrics: Sequence[str],
    replaces: Mapping[str, str],
    sizes: Mapping[str, int],
) -> _Table:
    columns = {(arm, metric): place for place, (arm, metric) in enumerate((a, m) for a in arms for m in metrics)}
    images = {key: place for place, key in enumerate(dict.fromkeys(row.image for row in rows if row.image))}
    values: dict[tuple[int, int], list[float]] = defaultdict(list)
    whole: dict[int, float] = {}  # of the set, so that there are no images to draw
    for row in rows:
        column = columns[row.arm, row.metric]
        if row.image:
            values[images[row.image], column].append(row.value)
        else:
            whole[column] = row.value
    table = np.full((len(images), len(columns)), np.nan)  # where a metric does not apply to a set
    for place, found in values.items():
        table[place] = np.mean(found)
    if images:
        means = table.mean(0)
        resampled = resampled_means(np.nan_to_num(table, nan=0.0, posinf=np.inf, neginf=-np.inf), list(images))
        resampled[:, np.isnan(table).any(0)] = np.nan
        sources = {_digest(images): len(images)}
    else:
        means, resampled = np.full(len(columns), np.nan), np.full((RESAMPLES, len(columns)), np.nan)
        sources = {_digest([name]): sizes[name]}
    means[list(whole)] = list(whole.values())
    first = rows[0]
    return _Table(
        first.group,
        first.task,
        name,
        first.variant,
        replaces.get(name, ""),
        sources,
        means,
        resampled,
    )


def _parts(
    tables: Sequence[_Table], unknown: Mapping[str, Sequence[str]]
) -> Iterable[tuple[str, str, str, list[_Table]]]:
    for table in tables:
        yield SET, table.name, table.variant, [table]
    variants = [CANONICAL, PUBLISHED] if any(table.variant == PUBLISHED for table in tables) else [CANONICAL]
    for variant in variants:
        replaced = {table.replaces for table in tables if variant == PUBLISHED}
        kept = [table for table in tables if table.variant in (CANONICAL, variant) and table.name not in replaced]
        tasks = {
            (group, task): _merged([table for table in kept if (table.group, table.task) == (group, task)])
            for group, task in dict.fromkeys((table.group, table.task) for table in kept)
        }
        for (_, task), merged in tasks.items():
            yield TASK, task, variant, [merged]
        groups = list(dict.fromkeys(group for group, _ in tasks))
        for group in groups if len(groups) > 1 else ():
            yield GROUP, group, variant, [merged for (own, _), merged in tasks.items() if own == group]
        for title, names in unknown.items() if variant == CANONICAL else ():
            unseen = [merged for (_, task), merged in tasks.items() if task in names]
            if 0 < len(unseen) < len(tasks):
                yield GROUP, title, variant, unseen
        if len(tasks) > 1:
            yield MEAN, "mean", variant, list(tasks.values())


def _merged(tables: Sequence[_Table]) -> _Table:
    """The mean of the sets of a task, as a table of its own."""
    first = tables[0]
    means, resampled = _mean([table.means for table in tables]), _mean([table.resampled for table in tables])
    return first._replace(name=first.task, sources=_sources(tables), means=means, resampled=resampled)


def _sources(tables: Sequence[_Table]) -> dict[str, int]:
    # The same images, damaged in several ways, are no more images for that.
    return {digest: count for table in tables for digest, count in table.sources.items()}


def _digest(keys: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(keys).encode(errors="surrogateescape")).hexdigest()


def _mean(parts: Sequence[Numbers]) -> Numbers:
    # A metric that does not apply to all of them has no mean over them.
    mean: Numbers = np.mean(parts, axis=0)
    return mean


def _values(
    arms: Sequence[str], metrics: Sequence[str], means: Numbers, resampled: Numbers, counts: Sequence[int]
) -> dict[str, dict[str, Estimate]]:
    values: dict[str, dict[str, Estimate]] = {}
    for place, arm in enumerate(arms):
        values[arm] = {}
        for number, metric in enumerate(metrics):
            column = place * len(metrics) + number
            if not np.isnan(means[column]):
                values[arm][metric] = estimate(float(means[column]), resampled[:, column], sum(counts), min(counts))
    return values


def _differences(
    line: Line,
    arms: Sequence[str],
    metrics: Sequence[str],
    reference: str,
    means: Numbers,
    resampled: Numbers,
    counts: Sequence[int],
) -> Iterable[Difference]:
    base = arms.index(reference) * len(metrics)
    for place, arm in enumerate(arms):
        for number, metric in enumerate(metrics):
            column = place * len(metrics) + number
            if arm == reference or metric not in line.values[arm]:
                continue
            with np.errstate(invalid="ignore"):  # infinity less infinity
                mean = float(means[column] - means[base + number])
                spread = resampled[:, column] - resampled[:, base + number]
            yield Difference(*line[:3], metric, arm, estimate(mean, spread, sum(counts), min(counts)))


def _named(rows: Sequence[Measurement], known: Sequence[str]) -> Named:
    metric = rows[0].metric if rows else ""
    cases = {(row.set, row.image, row.level): row for row in rows}.values() if metric else ()
    counts: dict[str, dict[str, int]] = {}
    right = asked = 0
    for row in cases:
        if not row.type or not row.predicted:
            continue
        found = counts.setdefault(row.type, {})
        found[row.predicted] = found.get(row.predicted, 0) + 1
        if _is_known(row.type, known):
            asked += 1
            right += CATALOGUE.name_the_same(row.type, row.predicted)
    return Named(counts, right, asked)


def unseen_tasks(rows: Sequence[Measurement], classes: Sequence[str]) -> list[str]:
    """The tasks all of whose damage is of types that a classifier with these classes does not know."""
    tasks: dict[str, bool] = {}
    for row in rows:
        if row.type:
            tasks[row.task] = tasks.get(row.task, True) and not _is_known(row.type, classes)
    return [task for task, unseen in tasks.items() if unseen]


def _is_known(name: str, classes: Sequence[str]) -> bool:
    return any(CATALOGUE.name_the_same(name, each) for each in classes)


def as_plain(results: Results) -> dict[str, Any]:
    """Results as plain values for ``summary.json``."""
    return {
        "reference": results.reference,
        "means": [
            {
                **dict(zip(("kind", "name", "variant"), line[:3], strict=True)),
                "arms": {
                    arm: {metric: value.as_dict() for metric, value in found.items()}
                    for arm, found in line.values.items()
                },
            }
            for line in results.lines
        ],
        "differences": [
            {
                **dict(zip(("kind", "name", "variant", "metric", "arm"), each[:5], strict=True)),
                **each.estimate.as_dict(),
                "statement": each.statement,
            }
            for each in results.differences
        ],
        "named": {
            arm: {"accuracy": named.accuracy, "known": named.known, "counts": named.counts}
            for arm, named in results.named.items()
        },
    }
