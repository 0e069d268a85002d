"""Progress of long work, with rate and time left."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tqdm import tqdm

_HIDDEN = ContextVar("hidden", default=False)


@contextmanager
def without_bars() -> Iterator[None]:
    """Hides the bars of work in the block, of which somebody else tells the progress."""
    token = _HIDDEN.set(True)
    try:
        yield
    finally:
        _HIDDEN.reset(token)


def say_above_bar(line: str) -> None:
    """Writes a line to standard error without breaking a progress bar."""
    tqdm.write(line, file=sys.stderr)


def progress_bar(*, total: int, title: str, unit: str, done: int = 0, show: bool = True) -> tqdm[Any]:
    """Makes a bar on standard error; in a file or a pipe it reports every ten seconds instead of redrawing itself.

    Args:
        total: Units in all.
        title: What is going on.
        unit: What one unit is called.
        done: Units done before.
        show: Whether to show anything.
    """
    interactive = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=done,
        desc=title,
        unit=unit,
        dynamic_ncols=interactive,
        mininterval=0.2 if interactive else 10,
        maxinterval=10,
        disable=not show or _HIDDEN.get(),
    )
