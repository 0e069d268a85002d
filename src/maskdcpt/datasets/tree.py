"""What lies below a folder, without ever leaving it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from maskdcpt.errors import UserError
from maskdcpt.images import walk_folder


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
    found = walk_folder(folder, start, confined=True)
    return found.images, found.refused


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
