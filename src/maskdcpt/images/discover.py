"""Finding the images of a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from maskdcpt.errors import UserError
from maskdcpt.images.formats import SUFFIXES, is_image

_TOLD = 5  # kinds of files, or files, that are named where there may be thousands


class Listing(NamedTuple):
    """What lies in and below a folder. Names are paths below it, with ``/`` between their parts."""

    images: list[str]
    """Names of the images, sorted."""
    refused: list[str]
    """What looks like images or folders of them and is not taken, a statement each, sorted."""
    others: Counter[str]
    """How many files are hidden or no images by their suffix, by what ``kind_of`` says."""


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
    return look_into(folder, recursive)[0]


def look_into(folder: str | Path, recursive: bool = True) -> tuple[list[Path], list[str]]:
    """The images of a folder, as ``list_images`` gives them, and what is beside them and left out, a line each.

    Raises:
        UserError: As ``list_images``.
        OSError: Likewise.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: {'a file, not a folder' if folder.exists() else 'no such folder'}")
    found = walk_folder(folder, recursive=recursive)
    if not found.images:
        raise UserError(f"{folder}: no images here; looked for {', '.join(SUFFIXES)}")
    return sorted(folder / name for name in found.images), tell_left_out(folder, found.others, found.refused)


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
    found = Listing([], [], Counter())
    if confined and not (home / start).resolve().is_relative_to(home):
        return Listing([], [_leads_out(start)], Counter())
    pending = [start] if (home / start).is_dir() else []
    seen = {home}
    while pending:
        below = pending.pop()
        for entry in _entries(home / below):
            if entry.name.startswith("."):
                if not _is_folder(entry):
                    found.others[kind_of(entry.name)] += 1
                continue
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
            elif not is_image(name):
                found.others[kind_of(name)] += 1
            elif os.path.isfile(entry.path) or not os.path.exists(entry.path):
                found.images.append(name)  # of a broken link as well, which cannot be read
            else:
                found.refused.append(f"{name} is no file")  # a pipe or a device would never end
    return Listing(sorted(found.images), sorted(found.refused), found.others)


def kind_of(name: str) -> str:
    """What a file that is no image is called by when files are counted."""
    base = os.path.basename(name)
    return "hidden" if base.startswith(".") else os.path.splitext(base)[1].lower() or "no suffix"


def tell_left_out(place: Path, others: Counter[str], refused: Sequence[str]) -> list[str]:
    """What was left out of a folder or pattern, a line each for people.

    Args:
        place: The folder or pattern.
        others: As of ``Listing``.
        refused: Likewise.
    """
    lines = [*refused[:_TOLD], *([f"{len(refused) - _TOLD} more are like these"] if len(refused) > _TOLD else [])]
    if total := others.total():
        named = dict(sorted(others.items(), key=lambda item: (-item[1], item[0]))[:_TOLD])
        named |= {"others": rest} if (rest := total - sum(named.values())) else {}
        kinds = ", ".join(f"{kind} {count}" for kind, count in named.items())
        files = "1 file was" if total == 1 else f"{total} files were"
        lines = [f"{files} left out, hidden or no images by their suffix: {kinds}", *lines]
    return [f"{place}: {line}" for line in lines]


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
        yield from entries


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # An entry raises where a link leads to itself.
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _leads_out(name: str) -> str:
    return f"{name} is a link that leads out of the folder"
