"""Pictures of what a study has found, as SVG files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskdcpt.reports.plots import COLOURS, LINES, figure_style, figure_svg, frame
from maskdcpt.study.gains import Comparison
from maskdcpt.study.intervals import Interval
from maskdcpt.study.recipe import TestConfig

MARKS = ("o", "s", "^", "D", "v", "P")
"""Of networks in turn; after the last they begin again."""

COLUMNS = 4
"""Panels beside one another."""

BEYOND = 1.0
"""How far curves of gains show what lies beyond the gains at the end, in dB: at first an arm may lag far behind."""


def forest(comparison: Comparison, test: TestConfig, metric: str, axis: str) -> bytes:
    """The gain of each arm with its interval over seeds, a mark for each network and one for all where it has several.

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
                (number, comparison.over_runs(families, arm, test.name, metric))
                for number, arm in enumerate(arms)
                if len(families) == 1 or len(study.arm(arm).families) != 1
            ]
            _marks(axes, [(number + shift, each) for number, each in found if each is not None], title, place)
        axes.set_yticks(range(len(arms)), arms)
        axes.set_ylim(max(1, len(arms)) - 0.4, -0.6)
        axes.set_xlabel(axis)
        frame(axes, "x")
        figure.legend(loc="outside upper center", ncols=len(lines), frameon=False, fontsize="small")
        return figure_svg(figure)


def gain_curves(comparison: Comparison, family: str) -> bytes:
    """How the gain on the embedded test images grows with steps and with time, a panel for each arm.

    Gains are paired by seed: the PSNR of a network less that of the one it is compared with after as many steps, or as
    much time, between whose points lines are drawn; past its end, at its end.
    """
    arms = [arm for arm in comparison.study.compared if comparison.seeds(family, arm)]
    with figure_style():
        figure, panels = _panels(len(arms), sharex=True)
        steps = {arm: list(comparison.gain_curve(family, arm, lambda _, step: step)) for arm in arms}
        times = {arm: list(comparison.gain_curve(family, arm, comparison.seconds)) for arm in arms}
        ends = [points[-1][1].mean for points in steps.values() if points]
        for panel, arm in zip(panels, arms, strict=False):
            panel.axhline(0, color=COLOURS[-1], linewidth=0.8)
            for place, (axis, points) in enumerate((("steps", steps[arm]), ("time", times[arm]))):
                x, found = [at for at, _ in points], [gain for _, gain in points]
                look: dict[str, Any] = {"color": COLOURS[place], "linestyle": LINES[place], "linewidth": 1.3}
                panel.plot(x, [gain.mean for gain in found], label=axis if arm == arms[0] else None, **look)
                sure = [(at, gain.low, gain.high) for at, gain in points if gain.low is not None]
                if place == 0 and sure:
                    at, low, high = np.array(sure, dtype=float).T
                    panel.fill_between(at, low, high, color=COLOURS[place], alpha=0.18, linewidth=0)
            panel.set_title(arm, fontsize="small")
            panel.set_ylim(min([0.0, *ends]) - BEYOND, max([0.0, *ends]) + BEYOND)
        figure.supxlabel("share of the steps, or of the time, of what the arm is compared with", fontsize="medium")
        figure.supylabel("gain of PSNR in dB", fontsize="medium")
        if arms:
            figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize="small")
        return figure_svg(figure)


def naming_curves(comparison: Comparison, family: str) -> bytes:
    """How pre-training learns to name the damage of training images, a panel for each arm and a line for each seed."""
    points: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for point in comparison.results.naming:
        if point.family == family:
            run = points.setdefault(point.arm, {}).setdefault(point.seed, [])
            run.append((point.step, 100 * point.accuracy))
    seeds = sorted({seed for runs in points.values() for seed in runs})
    with figure_style():
        figure, panels = _panels(len(points))
        shown: set[int] = set()
        for panel, (arm, runs) in zip(panels, points.items(), strict=False):
            for seed, line in runs.items():
                place = seeds.index(seed)
                panel.plot(
                    *zip(*line, strict=True),
                    color=COLOURS[place % len(COLOURS)],
                    linestyle=LINES[place // len(COLOURS) % len(LINES)],
                    linewidth=1.2,
                    label=None if seed in shown else f"seed {seed}",
                )
                shown.add(seed)
            panel.set_title(arm, fontsize="small")
            panel.set_ylim(0, 100)
        figure.supxlabel("steps of pre-training", fontsize="medium")
        figure.supylabel("training images named rightly, %", fontsize="medium")
        if shown:
            figure.legend(loc="outside upper center", ncols=7, frameon=False, fontsize="small")
        return figure_svg(figure)


def accuracy_plot(comparison: Comparison, test: str) -> bytes:
    """How well features tell the damage on entering fine-tuning, against the final PSNR, a mark for each run."""
    families = list(comparison.study.families)
    with figure_style():
        figure = Figure(figsize=(4.4 * len(families), 3.8), layout="constrained")
        panels = figure.subplots(1, len(families), squeeze=False)[0]
        shown: set[str] = set()
        for family, panel in zip(families, panels, strict=True):
            correlated = comparison.correlated(family)
            for number, arm in enumerate(comparison.study.arm_names):
                lap, place = divmod(number, len(COLOURS))
                points = [
                    (100 * facts.probe_entering, psnr)
                    for facts in comparison.runs(family, arm)
                    if (psnr := comparison.mean(facts.run, test, "psnr")) is not None
                ]
                if points:
                    panel.plot(
                        *zip(*points, strict=True),
                        linestyle="none",
                        marker=MARKS[lap % len(MARKS)],
                        fillstyle="full" if arm in correlated else "none",
                        color=COLOURS[place],
                        markersize=5,
                        label=None if arm in shown else arm,
                    )
                    shown.add(arm)
            panel.set_title(family, fontsize="medium")
            panel.set_xlabel("probe accuracy on entering fine-tuning, %")
            frame(panel)
        panels[0].set_ylabel("final PSNR in dB")
        if shown:
            figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")
        return figure_svg(figure)


def _panels(count: int, *, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure of small panels that share their vertical axis, in rows; those beyond the count are not shown."""
    rows = max(1, math.ceil(count / COLUMNS))
    figure = Figure(figsize=(9.0, 0.9 + 1.5 * rows), layout="constrained")
    panels = list(figure.subplots(rows, COLUMNS, sharex=sharex, sharey=True, squeeze=False).flat)
    for number, panel in enumerate(panels):
        panel.set_visible(number < count)
        frame(panel)
    return figure, panels


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
