"""What lies below a folder, without ever leaving it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from maskdcpt.errors import UserError
from maskdcpt.images import FORMATS


def walk_images(folder: Path, start: str = "") -> tuple[list[str], list[str]]:
    """Lists the images below a folder, told by their suffix; hidden files and folders are left out.

    A link is followed if it stays within the folder: an archive can hold one that leads to any file of the machine.

    Args:
        folder: The folder; itself it may be a link.
        start: Where below it to begin; nothing is found where that does not exist.

    Returns:
        Paths below ``folder``, sorted, with ``/`` between their parts; and what leads out of it or is no file, a
        statement each.

    Raises:
        OSError: If a folder cannot be read.
    """
    home = folder.resolve()
    images: list[str] = []
    refused: list[str] = []
    if not (home / start).resolve().is_relative_to(home):
        return [], [_statement(start)]
    pending = [start] if (home / start).is_dir() else []
    seen = {home}
    while pending:
        below = pending.pop()
        for entry in _entries(home / below):
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(home):
                refused.append(_statement(name))
            elif entry.is_dir():
                # A link to a folder above would lead round in circles, so each is followed once.
                if not entry.is_symlink() or (real := Path(entry.path).resolve()) not in seen:
                    pending.append(name)
                    seen |= {real} if entry.is_symlink() else set()
            elif os.path.splitext(entry.name)[1].lower() in FORMATS:
                # A broken link counts as an image that cannot be read; a pipe or a device would never end.
                if entry.is_file() or not os.path.exists(entry.path):
                    images.append(name)
                else:
                    refused.append(f"{name} is no file")
    return sorted(images), sorted(refused)


def inside(folder: Path, name: str, where: str) -> Path:
    """The file that a list names, if it is one below a folder.

    Args:
        folder: The folder.
        name: What the list says.
        where: Which list and line, for the message.

    Raises:
        UserError: If the name is absolute, has ``..`` in it, or leads out of the folder by a link.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in name or "\0" in name:
        raise UserError(f"{where}: {name!r} leads out of the folder of the data set; names below it are expected")
    path = folder / parts
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{where}: {name!r} leads out of the folder of the data set by a link")
    return path


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _statement(name: str) -> str:
    return f"{name} is a link that leads out of the folder"
