"""Finding the images of a folder."""

from __future__ import annotations

import os
from pathlib import Path

from maskdcpt.errors import UserError
from maskdcpt.images.formats import FORMATS


def list_images(folder: str | Path, recursive: bool = True) -> list[Path]:
    """Lists the images of a folder, told by their suffix, sorted.

    Hidden files and folders are left out. Links to folders are not followed, links to images count as images.

    Args:
        folder: The folder.
        recursive: Whether to look into folders below it.

    Raises:
        UserError: If the folder is missing or has no images.
        OSError: If a folder below it cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: {'a file, not a folder' if folder.exists() else 'no such folder'}")
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=_stop):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        found += (Path(parent, name) for name in names if not name.startswith("."))
    images = sorted(path for path in found if path.suffix.lower() in FORMATS)
    if not images:
        raise UserError(f"{folder}: no images here; looked for {', '.join(FORMATS)}")
    return images


def _stop(error: OSError) -> None:
    raise error
