"""Finding the images of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from maskdcpt.errors import UserError
from maskdcpt.images.formats import FORMATS


class Listing(NamedTuple):
    """What lies in and below a folder. Names are paths below it, with ``/`` between their parts."""

    images: list[str]
    """Names of the images, sorted."""
    refused: list[str]
    """What looks like images or folders of them and is not taken, a statement each, sorted."""


def list_images(folder: str | Path, recursive: bool = True) -> list[Path]:
    """Lists the images of a folder, told by their suffix, sorted.

    Hidden files and folders are left out. Links to folders are not followed, links to images count as images, wherever
    they lead; pipes, sockets and devices do not count.

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
    images = sorted(folder / name for name in walk_folder(folder, recursive=recursive).images)
    if not images:
        raise UserError(f"{folder}: no images here; looked for {', '.join(FORMATS)}")
    return images


def walk_folder(folder: Path, start: str = "", *, recursive: bool = True, confined: bool = False) -> Listing:
    """Looks for the images in and below a folder, told by their suffix; hidden files and folders are left out.

    A link to a file counts as that file, and a broken one as an image that cannot be read. A link to a folder is not
    followed. Where the walk is confined, as content from elsewhere needs it, one that leads out of ``folder`` is
    refused, and a folder within that a link leads to is followed, once.

    Args:
        folder: The folder; itself it may be a link.
        start: Where below it to begin; nothing is found where that does not exist.
        recursive: Whether to look into folders below it.
        confined: Whether links must not lead out of the folder.

    Raises:
        OSError: If a folder cannot be read.
    """
    home = folder.resolve()
    found = Listing([], [])
    if confined and not (home / start).resolve().is_relative_to(home):
        return Listing([], [_leads_out(start)])
    pending = [start] if (home / start).is_dir() else []
    seen = {home}
    while pending:
        below = pending.pop()
        for entry in _entries(home / below):
            name = f"{below}/{entry.name}" if below else entry.name
            real = Path(os.path.realpath(entry.path)) if confined and entry.is_symlink() else None
            if real is not None and not real.is_relative_to(home):
                found.refused.append(_leads_out(name))
            elif _is_folder(entry):
                if not recursive or real in seen:
                    continue  # a link to a folder above would lead round in circles, so each is followed once
                if entry.is_symlink() and real is None:
                    found.refused.append(f"{name} is a link to a folder, which is not followed")
                    continue
                pending.append(name)
                seen |= set() if real is None else {real}
            elif os.path.splitext(entry.name)[1].lower() in FORMATS:
                # A broken link counts as an image that cannot be read; a pipe or a device would never end.
                if os.path.isfile(entry.path) or not os.path.exists(entry.path):
                    found.images.append(name)
                else:
                    found.refused.append(f"{name} is no file")
    return Listing(sorted(found.images), sorted(found.refused))


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


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # An entry raises where a link leads to itself.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _leads_out(name: str) -> str:
    return f"{name} is a link that leads out of the folder"
