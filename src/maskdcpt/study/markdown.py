"""How the page of a study writes numbers, tables and where they are from, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from maskdcpt.study.intervals import Interval


def interval_text(found: Interval | None, digits: int = 2, *, bold: bool = True) -> str:
    """A mean with its interval, bold, if that is wanted, where it excludes zero; ``-`` for none."""
    if found is None:
        return "-"
    if found.low is None or found.high is None:
        return f"{found.mean:+.{digits}f}"
    text = f"{found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
    return f"**{text}**" if found.sign and bold else text


def listing(words: Sequence[str], none: str = "none") -> str:
    """Words as code, with commas and ``and``."""
    return _joined([f"`{word}`" for word in words]) or none


def percent_text(values: Iterable[float | None]) -> str:
    """The mean of shares in %, of those that are known; ``-`` for none."""
    known = [value for value in values if value is not None]
    return f"{100 * fmean(known):.1f}" if known else "-"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, and an empty one."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def source(folder: str, *files: str) -> Iterator[str]:
    """Lines that tell what a part is made of, and by what command.

    Args:
        folder: Name of the folder of results, beside the page.
        files: Names of files in it.
    """
    listed = _joined([f"[{name}]({folder}/{name})" for name in files])
    yield f"From {listed}: `maskdcpt study report {folder} --out {folder}`."
    yield ""


def _joined(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
