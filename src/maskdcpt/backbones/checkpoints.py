"""The checkpoints of a training run, and whether they are as they were written."""

from __future__ import annotations

import re
from collections.abc import Set
from pathlib import Path

from maskdcpt.files import file_sha256

CHECKPOINTS = "checkpoints"
"""Folder of them in that of a run."""
SUMS = "SHA256SUMS"
"""What every other file of a checkpoint has to hash to, in the form that ``sha256sum --check`` reads."""
SUM = re.compile(r"(?P<sum>[0-9a-f]{64})  (?P<name>[\w.-]+)")
"""A line of it."""


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first, sound or not."""
    return sorted((run / CHECKPOINTS).glob("step-*"))


def damage(checkpoint: Path, names: Set[str] | None = None) -> str | None:
    """What about a checkpoint is not as it was written; None if all is.

    Args:
        checkpoint: Its folder.
        names: The files that are looked at; None for all.
    """
    try:
        lines = (checkpoint / SUMS).read_text(encoding="utf-8").splitlines()
        for line in lines:
            entry = SUM.fullmatch(line)
            if entry is None:
                return f"{SUMS} is damaged"
            if (names is None or entry["name"] in names) and file_sha256(checkpoint / entry["name"]) != entry["sum"]:
                return f"{entry['name']} is damaged"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except UnicodeDecodeError:
        return f"{SUMS} is damaged"
    return None if lines else f"{SUMS} is damaged"
