"""What each format that is written can hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from maskdcpt.errors import UserError


@dataclass(frozen=True)
class Format:
    """A format, and what it has room for."""

    name: str
    """Pillow's name, or that of Netpbm."""
    title: str
    """What people call it."""
    suffixes: tuple[str, ...]
    """What names of its files end in; the first is the usual one."""
    media_type: str
    """What it is called on the Web."""
    depths: tuple[int, ...] = (8,)
    """Bits of a sample; 32 is floating point."""
    grey: bool = True
    """Whether there may be one colour."""
    rgb: bool = True
    """Whether there may be three."""
    alpha: bool = True
    """Whether there may be opacity."""
    frames: bool = False
    """Whether there may be many frames."""
    metadata: frozenset[str] = frozenset()
    """Fields of ``Metadata`` that have a place."""
    read_only: tuple[str, ...] = ()
    """What names of files end in as well that are read; another format's may be among them."""


_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
_MAPS = (".pbm", ".pnm")
_PHOTO = frozenset({"exif", "xmp", "icc"})

ALL = (
    Format("PNG", "PNG", (".png", ".apng"), "image/png", (8, 16), frames=True, metadata=_PHOTO | {"dpi", "texts"}),
    Format("JPEG", "JPEG", _JPEG, "image/jpeg", alpha=False, metadata=_PHOTO | {"dpi", "comment"}),
    Format("TIFF", "TIFF", (".tif", ".tiff"), "image/tiff", (8, 16, 32), frames=True, metadata=_PHOTO | {"dpi"}),
    Format("WEBP", "WebP", (".webp",), "image/webp", grey=False, frames=True, metadata=_PHOTO),
    Format("AVIF", "AVIF", (".avif",), "image/avif", grey=False, frames=True, metadata=_PHOTO),
    Format("HEIF", "HEIC", (".heic", ".heif", ".hif"), "image/heic", metadata=_PHOTO),
    Format("GIF", "GIF", (".gif",), "image/gif", frames=True, metadata=frozenset({"comment"})),
    Format("BMP", "BMP", (".bmp",), "image/bmp", alpha=False, metadata=frozenset({"dpi"})),
    Format("PPM", "PPM", (".ppm", ".pnm"), "image/x-portable-pixmap", (8, 16), grey=False, alpha=False),
    Format("PGM", "PGM", (".pgm",), "image/x-portable-graymap", (8, 16), rgb=False, alpha=False, read_only=_MAPS),
    Format("PAM", "PAM", (".pam",), "image/x-portable-arbitrarymap", (8, 16)),
    Format("PFM", "PFM", (".pfm",), "image/x-portable-floatmap", (32,), alpha=False),
)
"""All formats that are read and written."""

FORMATS = dict(sorted((suffix, each.name) for each in ALL for suffix in each.suffixes))
"""Suffix, in lower case, to the name of the format. All of them are read and written."""

SUFFIXES = dict(sorted(({suffix: each.name for each in ALL for suffix in each.read_only} | FORMATS).items()))
"""Suffix, in lower case, to the name of the format as which a restored file is written: ``FORMATS``, and what is read
alone, for no restored picture has its two values."""

_BY_NAME = {each.name: each for each in ALL}


def format_of(path: Path) -> str:
    """The name of the format that a file's suffix stands for.

    Raises:
        UserError: If it stands for none.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: the name of an image has to end in one of {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]


def is_image(name: str | Path) -> bool:
    """Whether a file is an image, by its suffix."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def written_suffix(suffix: str) -> str:
    """The suffix of what is made of a file: its own, as it is, unless it is one that is read alone."""
    name = None if suffix.lower() in FORMATS else SUFFIXES.get(suffix.lower())
    return suffix if name is None else _BY_NAME[name].suffixes[0]


def formats_behind(suffix: str) -> frozenset[str]:
    """Names of the formats that a file with such a suffix may be expected to hold; none if it is no image's."""
    return frozenset(each.name for each in ALL if suffix.lower() in (*each.suffixes, *each.read_only))


def format_named(name: str) -> Format:
    """What a format can hold.

    Args:
        name: Its name or one of its suffixes, with or without the dot, in any case.

    Raises:
        UserError: If there is no such format.
    """
    plain = name.lower().removeprefix(".")
    found = _BY_NAME.get(FORMATS.get(f".{plain}", name.upper()))
    if found is None:
        raise UserError(f"there is no format {name!r}; known: {', '.join(each.title for each in ALL)}")
    return found
