"""The parts of tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def line(cells: Sequence[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def ratio(value: float | None, base: float | None) -> str:
    """A value as a multiple of another, ``-`` if either was not measured."""
    return "-" if value is None or base is None else f"{value / base:.2f}"
