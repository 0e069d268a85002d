"""Pictures of an evaluation: bars, and the best, middle and worst results of each task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from maskdcpt.evaluation.bootstrap import LEVEL
from maskdcpt.evaluation.case import Case, show
from maskdcpt.evaluation.engine import Plan
from maskdcpt.evaluation.evaluate import INPUT
from maskdcpt.evaluation.results import Measurement
from maskdcpt.evaluation.summary import TASK, Results
from maskdcpt.evaluation.testset import CANONICAL
from maskdcpt.metrics import Metric, SetMetric
from maskdcpt.progress import progress_bar
from maskdcpt.reports.page import Picture, Strip, picture
from maskdcpt.reports.plots import COLOURS, figure_picture, figure_style, frame

DETAIL = 128
"""Side of the part that is shown, in pixels."""

WHOLE = 192
"""Longer side of the whole image, in pixels."""

ARMS = 3
"""Arms that strips show, the input aside."""

BUDGET = 9_000_000
"""Characters of pictures in strips, after which no more are shown."""

ERROR = 0.25
"""The error that is brightest on a map."""


class Chosen(NamedTuple):
    """A case that is shown."""

    title: str
    """``best``, ``median`` or ``worst``."""
    case: Case
    """Which."""
    value: float
    """What the metric says of it."""


class Section(NamedTuple):
    """Strips of one task."""

    title: str
    """The task."""
    strips: list[Strip]
    """Best, median and worst."""


def bars(results: Results, metric: Metric | SetMetric) -> Picture | None:
    """Means of each task by arm; None where the metric was not measured."""
    lines = [
        line
        for line in results.lines
        if line.kind == TASK and line.variant == CANONICAL and metric.name in line.values[results.arms[0]]
    ]
    if not lines:
        return None
    arms = results.arms
    with figure_style():
        figure = Figure(figsize=(7.2, 1.0 + len(lines) * (0.16 + 0.16 * len(arms))), layout="constrained")
        axes = figure.subplots()
        width = 0.84 / len(arms)
        for place, arm in enumerate(arms):
            found = [line.values[arm][metric.name] for line in lines]
            heights = np.arange(len(lines)) + (place - (len(arms) - 1) / 2) * width
            bounds = [
                [0 if each.low is None else each.mean - each.low for each in found],
                [0 if each.high is None else each.high - each.mean for each in found],
            ]
            colour = "#b8bfca" if arm == INPUT else COLOURS[(place - 1) % len(COLOURS)]
            means = [each.mean if np.isfinite(each.mean) else 0 for each in found]
            axes.barh(heights, means, width * 0.92, color=colour, label=arm)
            axes.errorbar(means, heights, xerr=bounds, fmt="none", ecolor="#1d2430", elinewidth=0.8)
        axes.set_yticks(range(len(lines)), [line.name for line in lines])
        axes.set_ylim(len(lines) - 0.5, -0.5)
        unit, better = metric.unit and f" in {metric.unit}", "" if metric.higher_is_better else ", lower is better"
        axes.set_xlabel(f"{metric.title}{unit}{better}")
        frame(axes, "x")
        figure.legend(loc="outside upper center", ncols=min(3, len(arms)), frameon=False, fontsize="small")
        told = any(line.values[arm][metric.name].low is not None for line in lines for arm in arms)
        return figure_picture(
            f"{metric.title} by task{f', with {100 * LEVEL:.0f} % intervals' if told else ''}", figure
        )


def strips(plan: Plan, rows: Sequence[Measurement], arm: str, metric: Metric) -> tuple[list[Section], int]:
    """The best, the middle and the worst result of an arm in each task, made anew.

    Returns:
        The sections, and how many tasks had no more room.
    """
    chosen = _choose(plan, rows, arm, metric)
    sections: list[Section] = []
    spent = 0
    with progress_bar(total=len(chosen), title="pictures", unit="task") as bar:
        for place, (task, cases) in enumerate(chosen.items()):
            if spent > BUDGET:
                return sections, len(chosen) - place
            found = [_strip(plan, each, arm, metric) for each in cases]
            spent += sum(len(each.source) for strip in found for each in strip.pictures)
            sections.append(Section(task, found))
            bar.update()
    return sections, 0


def _choose(plan: Plan, rows: Sequence[Measurement], arm: str, metric: Metric) -> dict[str, list[Chosen]]:
    cases = {(case.spec.name, case.item.key, case.level): case for case in plan.cases()}
    tasks: dict[str, list[Measurement]] = {}
    for row in rows:
        if (row.arm, row.metric, row.variant) == (arm, metric.name, CANONICAL):
            tasks.setdefault(row.task, []).append(row)
    chosen = {}
    for task, found in tasks.items():
        ranked = sorted(found, key=lambda row: -row.value if metric.higher_is_better else row.value)
        # Of few, the extremes keep their names; one alone is the best.
        names = {len(ranked) // 2: "median", len(ranked) - 1: "worst", 0: "best"}
        chosen[task] = [
            Chosen(name, cases[row.set, row.image, row.level], row.value)
            for row, name in ((ranked[place], name) for place, name in sorted(names.items()))
        ]
    return chosen


def _strip(plan: Plan, chosen: Chosen, arm: str, metric: Metric) -> Strip:
    case = chosen.case
    arms = [each.name for each in plan.arms if each.name != INPUT][:ARMS]
    shown = show(case, plan.setting, [each for each in plan.arms if each.name in {arm, *arms}])
    restored = shown.answers[arm].restored
    other = shown.clean if shown.clean is not None else shown.degraded
    error = (restored - other).abs().mean(0)
    part = _worst_part(error)
    pictures = [picture("whole input", _thumbnail(shown.degraded))]
    pictures += [picture("input", shown.degraded[part])]
    pictures += [picture(name, shown.answers[name].restored[part]) for name in arms]
    if shown.clean is not None:
        pictures += [picture("clean", shown.clean[part]), picture(f"error of {arm}", _error_map(error[part[1:]]))]
    value = f"{metric.title} {chosen.value:.4g} {metric.unit}".rstrip()
    about = ", ".join(word for word in (case.spec.name, case.item.key, case.level) if word)
    return Strip(f"{chosen.title}: {value} ({about})", pictures)


def _worst_part(error: Tensor) -> tuple[slice, slice, slice]:
    """The part with the greatest error, at most ``DETAIL`` pixels a side."""
    sides = [min(DETAIL, extent) for extent in error.shape]
    means = F.avg_pool2d(error[None, None], (sides[0], sides[1]), stride=max(1, DETAIL // 8))[0, 0]
    row, column = divmod(int(means.argmax()), means.shape[1])
    top, left = (place * max(1, DETAIL // 8) for place in (row, column))
    return slice(None), slice(top, top + sides[0]), slice(left, left + sides[1])


def _thumbnail(image: Tensor) -> Tensor:
    scale = min(1.0, WHOLE / max(image.shape[-2:]))
    if scale == 1:
        return image
    size = [max(1, round(extent * scale)) for extent in image.shape[-2:]]
    return F.interpolate(image[None], size=size, mode="bilinear", antialias=True)[0].clamp(0, 1)


def _error_map(error: Tensor) -> Tensor:
    colours = matplotlib.colormaps["inferno"]((error / ERROR).clamp(0, 1).cpu().numpy())
    return torch.from_numpy(np.ascontiguousarray(colours[..., :3], np.float32)).permute(2, 0, 1)


def confusion_table(
    counts: Mapping[str, Mapping[str, int]], classes: Sequence[str]
) -> Iterator[tuple[str, list[int], int]]:
    """Lines of a table: the true type, images by named type in the order of the classes, and all images."""
    for name, found in counts.items():
        yield name, [found.get(each, 0) for each in classes], sum(found.values())
