"""From the words of a command line to a dataclass."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TypeVar

import tyro

from maskdcpt.errors import UserError

T = TypeVar("T")

_RULE = re.compile(r"\s*-{3,}\s*")
_PLACE = re.compile(r"^Error parsing \S+: ")


def parse(
    kind: type[T], argv: Sequence[str], *, prog: str, description: str | None = None, default: T | None = None
) -> T:
    """Reads options into a dataclass: a flag a field, nested fields with dots, explained by their docstrings.

    ``--help`` prints the help and exits.

    Args:
        kind: The dataclass.
        argv: The words.
        prog: What the command is called in messages.
        description: What the help says on top; without it the docstring of ``kind``.
        default: Where the defaults come from, instead of ``kind``.

    Raises:
        UserError: If an option is unknown, missing or has a wrong value.
    """
    options: dict[str, Any] = {"prog": prog, "args": list(argv), "config": (tyro.conf.AvoidSubcommands,)}
    if description is not None:
        options["description"] = description
    if default is not None:
        options["default"] = default
    if {"-h", "--help"} & set(argv):
        return _tyro(kind, options)
    # Errors come as boxes for the eye, wrapped at the terminal's width: without a terminal and on wide paper, they
    # can be read back.
    output, errors = io.StringIO(), io.StringIO()
    try:
        with _wide_terminal(), redirect_stdout(output), redirect_stderr(errors):
            return _tyro(kind, options)
    except SystemExit as end:
        if not end.code:
            print(output.getvalue(), end="")
            raise
    raise UserError(f"{_one_line(errors.getvalue())}; see {prog} --help")


def _tyro(kind: type[T], options: dict[str, Any]) -> T:
    parsed: T = tyro.cli(kind, **options)
    return parsed


def _one_line(box: str) -> str:
    # A title, then blocks between rules: what is wrong, perhaps what is similar, how to get help.
    blocks: list[list[str]] = [[]]
    for line in box.splitlines()[2:]:
        if _RULE.fullmatch(line):
            blocks.append([])
        elif line.strip() and len(line) - len(line.lstrip()) < 8:  # deeper lines explain the option above them
            blocks[-1].append(line.strip())
    (head, *details), *others = blocks
    message = f"{head} {', '.join(details)}".strip()
    similar = [block for block in others if block[0].startswith(("Perhaps you meant", "Arguments similar to"))]
    about = [block for block in others if block[0].startswith("Argument helptext")]
    if not about:
        message = _PLACE.sub("", message)  # a dataclass has refused its values, and says itself which
    parts = [
        message,
        *(f"{title.rstrip(':')} {nearest}" for title, nearest, *_ in sorted(similar)),
        *(f"expected {usage}" for _, usage, *_ in about),
    ]
    return "; ".join(f"{part[0].lower()}{part[1:]}".rstrip(".") for part in parts)


@contextmanager
def _wide_terminal() -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100000"
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
