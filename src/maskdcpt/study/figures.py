"""Pictures of what a study has found, as SVG files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskdcpt.reports.curves import time_unit
from maskdcpt.reports.plots import COLOURS, LINES, figure_style, figure_svg
from maskdcpt.study.facts import RunFacts
from maskdcpt.study.gains import Comparison, Interval
from maskdcpt.study.recipe import TestConfig

MARKS = ("o", "s", "^", "D", "v", "P")
"""Of networks in turn; after the last they begin again."""

TERA = 1e12


def forest(comparison: Comparison, test: TestConfig, metric: str, axis: str) -> bytes:
    """The gain of each arm with its interval over seeds, a mark for each network and one for all.

    Args:
        comparison: The study.
        test: What it was measured on.
        metric: ``psnr``, ``ssim`` or ``piqe``.
        axis: Title of the axis, with unit.
    """
    study = comparison.study
    arms = study.compared
    lines = [*((name, [name]) for name in study.families)]
    if len(lines) > 1:
        lines.append(("all", list(study.families)))
    with figure_style():
        figure = Figure(figsize=(7.0, 1.1 + (0.11 * len(lines) + 0.22) * max(1, len(arms))), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color="#5b6575", linewidth=1)
        for place, (title, families) in enumerate(lines):
            shift = 0.22 * (place - (len(lines) - 1) / 2)
            found = [
                (number, comparison.over_runs(families, arm, test.name, metric)) for number, arm in enumerate(arms)
            ]
            _marks(axes, [(number + shift, each) for number, each in found if each is not None], title, place)
        axes.set_yticks(range(len(arms)), arms)
        axes.set_ylim(max(1, len(arms)) - 0.4, -0.6)
        axes.set_xlabel(axis)
        axes.grid(axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper center", ncols=len(lines), frameon=False, fontsize="small")
        return figure_svg(figure)


def learning_curves(comparison: Comparison, family: str) -> bytes:
    """Mean PSNR of the seeds on the embedded test images against steps, arithmetic and time."""
    arms = [arm.name for arm in comparison.study.arms if comparison.seeds(family, arm.name)]
    with figure_style():
        figure = Figure(figsize=(9.0, 3.4 + 0.18 * len(arms) / 4), layout="constrained")
        panels = figure.subplots(1, 3, sharey=True)
        longest = max(
            (comparison.seconds(facts) for facts in comparison.results.runs if facts.family == family), default=0
        )
        unit = time_unit(longest)
        titles = ("steps", "arithmetic in TFLOP, counted", f"{unit.name}, measured")
        for number, arm in enumerate(arms):
            lap, place = divmod(comparison.study.arm_names.index(arm), len(COLOURS))
            points = list(_curve(comparison, family, arm))
            for panel, position in zip(panels, range(3), strict=True):
                scale = (1.0, TERA, unit.seconds)[position]
                panel.plot(
                    [point[position] / scale for point in points],
                    [point[3] for point in points],
                    label=arm if position == 0 else None,
                    color=COLOURS[place],
                    linestyle=LINES[lap % len(LINES)],
                    linewidth=1.3,
                    zorder=len(arms) - number,
                )
        for panel, title in zip(panels, titles, strict=True):
            panel.set_xlabel(title)
            panel.grid(alpha=0.25)
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("PSNR in dB")
        if arms:
            figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")
        return figure_svg(figure)


def accuracy_plot(comparison: Comparison, test: str) -> bytes:
    """How well features tell the damage on entering fine-tuning, against the final PSNR, a mark for each run."""
    families = list(comparison.study.families)
    with figure_style():
        figure = Figure(figsize=(4.4 * len(families), 3.8), layout="constrained")
        panels = figure.subplots(1, len(families), squeeze=False)[0]
        shown: set[str] = set()
        for family, panel in zip(families, panels, strict=True):
            for number, arm in enumerate(comparison.study.arm_names):
                lap, place = divmod(number, len(COLOURS))
                points = [
                    (100 * facts.probe_entering, psnr)
                    for facts in comparison.results.runs
                    if (facts.family, facts.arm) == (family, arm)
                    and (psnr := comparison.mean(facts.run, test, "psnr")) is not None
                ]
                if points:
                    panel.plot(
                        *zip(*points, strict=True),
                        linestyle="none",
                        marker=MARKS[lap % len(MARKS)],
                        color=COLOURS[place],
                        markersize=5,
                        label=None if arm in shown else arm,
                    )
                    shown.add(arm)
            panel.set_title(family, fontsize="medium")
            panel.set_xlabel("probe accuracy on entering fine-tuning, %")
            panel.grid(alpha=0.25)
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("final PSNR in dB")
        if shown:
            figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")
        return figure_svg(figure)


def _marks(axes: Axes, found: Sequence[tuple[float, Interval]], title: str, place: int) -> None:
    """Means with their intervals; hollow where there are too few runs for one."""
    look: dict[str, Any] = {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKS[place % len(MARKS)],
        "markersize": 4,
    }
    sure = [(height, each.mean, each.low, each.high) for height, each in found if each.low is not None]
    unsure = [(height, each.mean) for height, each in found if each.low is None]
    heights, means, lows, highs = np.array(sure, dtype=float).reshape(-1, 4).T
    axes.errorbar(
        means,
        heights,
        xerr=[means - lows, highs - means],
        label=title,
        linestyle="none",
        elinewidth=1.2,
        capsize=2,
        **look,
    )
    for height, mean in unsure:
        axes.plot(mean, height, linestyle="none", fillstyle="none", **look)


def _curve(comparison: Comparison, family: str, arm: str) -> Iterator[tuple[float, float, float, float]]:
    """Steps, arithmetic, seconds and PSNR, means over the seeds, where all of them were measured."""
    runs: dict[int, RunFacts] = {
        facts.seed: facts for facts in comparison.results.runs if (facts.family, facts.arm) == (family, arm)
    }
    steps: dict[int, list[tuple[int, float]]] = {}
    for point in comparison.results.curves:
        if (point.family, point.arm) == (family, arm):
            steps.setdefault(point.step, []).append((point.seed, point.psnr))
    for step, found in sorted(steps.items()):
        if len(found) == len(runs):
            yield (
                step,
                fmean(runs[seed].flops_at(step) for seed, _ in found),
                fmean(comparison.seconds(runs[seed], step) for seed, _ in found),
                fmean(psnr for _, psnr in found),
            )
