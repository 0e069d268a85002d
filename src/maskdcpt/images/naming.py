"""What new images are called, and which images a command is about."""

from __future__ import annotations

import glob
import os
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from maskdcpt.errors import UserError, nearest
from maskdcpt.images.discover import kind_of, look_into, tell_left_out
from maskdcpt.images.formats import FORMATS, SUFFIXES, is_image, written_suffix

FIELDS = ("folder", "stem", "ext", "number")
"""What a template may name: folder below the place that is read, name without its ending, ending with its dot, and
number of the image from 1."""

MIRROR = "{folder}/{stem}{ext}"
"""The template that keeps names."""


@dataclass(frozen=True)
class Naming:
    """How the name of a new image follows from that of its original.

    Raises:
        UserError: If the template names something that there is not, or leads out of its folder.
    """

    template: str = MIRROR
    """The new name, with ``FIELDS`` in braces, such as ``{folder}/{stem}_restored{ext}`` or ``{number:04}{ext}``."""
    ext: str | None = None
    """Its ending, such as ``.png``; None for that of the original, or the nearest that is written."""

    def __post_init__(self) -> None:
        try:
            named = [field for _, field, _, _ in string.Formatter().parse(self.template) if field is not None]
        except ValueError as error:
            raise UserError(f"{self.template!r} is no template of names ({error}); write it like {MIRROR}") from None
        for field in named:
            if field not in FIELDS:
                raise UserError(f"{self.template!r}: no field of names is called {field!r}{nearest(field, FIELDS)}")
        if self.ext is not None and self.ext not in FORMATS:
            raise UserError(f"no image format ends in {self.ext!r}; expected one of {', '.join(FORMATS)}")
        self.rename(Path("folder/stem.png"), 1)

    def rename(self, path: Path, number: int) -> Path:
        """The new name of an image, both relative to their folders.

        Args:
            path: The original.
            number: Its number from 1.

        Raises:
            UserError: If the new name leads out of its folder or is none.
        """
        ext = written_suffix(path.suffix) if self.ext is None else self.ext
        try:
            name = self.template.format(folder=path.parent.as_posix(), stem=path.stem, ext=ext, number=number)
        except (ValueError, LookupError) as error:
            raise UserError(f"{self.template!r} is no template of names ({error}); write it like {MIRROR}") from None
        new = PurePosixPath(name)
        if new.is_absolute() or ".." in new.parts or not new.name or name.endswith("/"):
            raise UserError(f"{self.template!r} gives {name!r}; a new name has to lie below the folder of results")
        return Path(new)


SAME_NAMES = Naming()
"""Names stay as they are."""


class Found(NamedTuple):
    """An image that a command is about."""

    path: Path
    """Where it is."""
    name: Path
    """Its name relative to what was asked for."""


class Asked(NamedTuple):
    """What a command is about."""

    images: list[Found]
    """The images, each once, in order."""
    left_out: tuple[str, ...]
    """What lies beside them in folders and is not taken, a line each for people."""


def find_images(sources: Sequence[Path], recursive: bool = True) -> Asked:
    """The images that were asked for, and what was left out.

    Args:
        sources: Images, folders, or patterns such as ``photos/**/*.jpg``. Images of a single folder are named
            relative to it; of several sources, those of a folder begin with its name.
        recursive: Whether to look into folders below a folder.

    Raises:
        UserError: If one is missing, or has or matches no images.
    """
    found: dict[Path, Found] = {}
    left_out: list[str] = []
    for source in sources:
        images, beside = _of_source(source, recursive, alone=len(sources) == 1)
        for each in images:
            found.setdefault(each.path.absolute(), each)
        left_out += beside
    return Asked(list(found.values()), tuple(dict.fromkeys(left_out)))


def _of_source(source: Path, recursive: bool, alone: bool) -> tuple[list[Found], list[str]]:
    if source.is_dir():
        base = source if alone else source.absolute().parent
        paths, left_out = look_into(source, recursive)
        return [Found(path, (path if alone else path.absolute()).relative_to(base)) for path in paths], left_out
    if source.exists():
        if not source.is_file():
            raise UserError(f"{source}: a pipe, socket or device; expected an image file, a folder or a pattern")
        return [Found(source, Path(source.name))], []
    if glob.has_magic(str(source)):
        return _of_pattern(source, recursive)
    raise UserError(f"{source}: no such file or folder")


def _of_pattern(pattern: Path, recursive: bool) -> tuple[list[Found], list[str]]:
    fixed = _fixed_part(pattern)
    matches = [Path(match) for match in sorted(glob.glob(str(pattern), recursive=recursive))]
    matches = [path for path in matches if not path.is_dir()]
    images = [path for path in matches if is_image(path) and path.is_file()]
    if not images:
        raise UserError(f"{pattern}: no image matches; looked for {', '.join(SUFFIXES)}")
    others = Counter(kind_of(path.name) for path in matches if not is_image(path))
    refused = [f"{path} is no file" for path in matches if is_image(path) and not path.is_file()]
    return [Found(path, path.relative_to(fixed)) for path in images], tell_left_out(pattern, others, refused)


def _fixed_part(pattern: Path) -> Path:
    """The folders of a pattern before the first that is one."""
    parts = list(pattern.parts)
    count = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:count]) if count else Path(os.curdir)
