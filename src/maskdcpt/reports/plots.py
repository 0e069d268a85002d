"""Line plots as SVG."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskdcpt.reports.page import Picture, data_uri

COLOURS = ("#2563a8", "#d1660a", "#3f8f4f", "#8b3fa0", "#b3261e", "#0f8b8d", "#7a5c1e", "#5b6575")
"""Of the curves in turn; after the last they begin again in the next of ``LINES``."""

LINES = ("solid", "dashed", "dotted", "dashdot")


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
        curves: Each in a colour and kind of line of its own as long as there are some. One without points has its
            colour all the same, so that a row of plots can show the same things alike.
        x: Title of the horizontal axis, with unit.
        y: Title of the vertical axis, with unit.
    """
    drawn = sum(bool(curve.x) for curve in curves)
    below = -(-drawn // 3) if drawn > 4 else 0  # more names than there is room for beside the lines
    with figure_style():
        figure = Figure(figsize=(5.2, 3.0 + 0.2 * below), layout="constrained")
        axes = figure.subplots()
        for number, curve in enumerate(curves):
            if not curve.x:
                continue
            lap, place = divmod(number, len(COLOURS))
            axes.plot(
                curve.x,
                curve.y,
                label=curve.label,
                color=COLOURS[place],
                linestyle=LINES[lap % len(LINES)],
                linewidth=1.6,
                marker="o" if len(curve.x) == 1 else None,  # one point is no line
                markersize=4,
            )
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        frame(axes)
        if below:
            figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
        elif drawn and len(curves) > 1:
            axes.legend(frameon=False)
        return figure_picture(caption, figure)


@contextmanager
def figure_style() -> Iterator[None]:
    """Within it, to draw and to make pictures: text of figures stays text, and the same figure is the same bytes."""
    with matplotlib.rc_context({"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "maskdcpt"}):
        yield


def figure_picture(caption: str, figure: Figure) -> Picture:
    """Puts a figure on a page, as SVG."""
    return Picture(caption, data_uri("image/svg+xml", figure_svg(figure)))


def figure_svg(figure: Figure) -> bytes:
    """The SVG file of a figure."""
    data = io.BytesIO()
    figure.savefig(data, format="svg", metadata={"Date": None})
    return data.getvalue()


def frame(axes: Axes, grid: Literal["x", "y", "both"] = "both") -> None:
    """Draws two sides of a box, and faint lines across it."""
    axes.grid(axis=grid, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
