"""The one exception that people, rather than programmers, are meant to read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Something outside the program is wrong and one line says what, where, and what would be right.

    The command line prints the message and exits with code 2; library callers catch it like any ``ValueError``.
    """


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest choice, or all of them when none is near."""
    known = list(choices)
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
