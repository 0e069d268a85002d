"""The exceptions that people, rather than programmers, are meant to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches


class UserError(ValueError):
    """Something outside the program is wrong and one line says what, where, and what would be right.

    The command line prints the message and exits with code 2; library callers catch it like any ``ValueError``.
    """


class RestoreWarning(UserWarning):
    """Something of an image was dropped or approximated, or done in another way than usual, so that it could be given.

    The message is one line for people that begins with the name of the file, if there is one.
    """


class Preempted(Exception):  # noqa: N818  nothing is wrong: it is how a scheduler takes its machine back
    """The process was asked to stop, and has saved what it did; the same command goes on from there."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest choice, or all of them when none is near."""
    known = list(choices)
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


def require(name: str, value: float, low: float, high: float, *, below: bool = False) -> None:
    """Refuses a number that is no number or not in [low, high]; with ``below``, ``high`` itself is refused too.

    Raises:
        UserError: Naming the setting, its value and the range.
    """
    if not low <= value <= high or (below and value == high):
        raise UserError(f"{name} is {value:g}; it lies in [{low:g}, {high:g}{')' if below else ']'}")


@contextmanager
def naming(name: object) -> Iterator[None]:
    """Puts the name of what went wrong, such as a file, in front of the message of a ``UserError``."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
