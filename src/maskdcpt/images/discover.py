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


def images_by_name(folder: Path) -> dict[str, Path]:
    """The images of a folder by their place below it, without the suffix, which may differ within a pair.

    Raises:
        UserError: As ``list_images``, and if two have one such name.
    """
    found: dict[str, Path] = {}
    for path in list_images(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in found:
            raise UserError(f"{found[name]} and {path.name} have one name apart from the suffix; rename one")
        found[name] = path
    return found


def _stop(error: OSError) -> None:
    raise error
