"""Line plots as SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

from maskdcpt.reports.page import Picture, data_uri

COLOURS = ("#2563a8", "#d1660a", "#3f8f4f", "#8b3fa0")


class Curve(NamedTuple):
    """A line of a plot."""

    label: str
    """Name in the legend."""
    x: Sequence[float]
    """Where."""
    y: Sequence[float]
    """How much."""


def plot(caption: str, curves: Sequence[Curve], *, x: str, y: str) -> Picture:
    """Draws curves into one plot.

    Args:
        caption: What it shows.
        curves: At most four.
        x: Title of the horizontal axis, with unit.
        y: Title of the vertical axis, with unit.
    """
    with matplotlib.rc_context({"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "maskdcpt"}):
        figure = Figure(figsize=(5.2, 3.0), layout="constrained")
        axes = figure.subplots()
        for curve, colour in zip(curves, COLOURS, strict=False):
            axes.plot(curve.x, curve.y, label=curve.label, color=colour, linewidth=1.6)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            axes.legend(frameon=False)
        data = io.BytesIO()
        figure.savefig(data, format="svg", metadata={"Date": None})
    return Picture(caption, data_uri("image/svg+xml", data.getvalue()))
