"""What new images are called, and which images a command is about."""

from __future__ import annotations

import glob
import os
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from maskdcpt.errors import UserError, nearest
from maskdcpt.images.discover import list_images
from maskdcpt.images.formats import FORMATS

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
    """Its ending, such as ``.png``; None for that of the original."""

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
        ext = path.suffix if self.ext is None else self.ext
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


def find_images(sources: Sequence[Path], recursive: bool = True) -> list[Found]:
    """The images that were asked for, each once, in order.

    Args:
        sources: Images, folders, or patterns such as ``photos/**/*.jpg``. Images of a single folder are named
            relative to it; of several sources, those of a folder begin with its name.
        recursive: Whether to look into folders below a folder.

    Raises:
        UserError: If one is missing, or has or matches no images.
    """
    found: dict[Path, Found] = {}
    for source in sources:
        for each in _of_source(source, recursive, alone=len(sources) == 1):
            found.setdefault(each.path.absolute(), each)
    return list(found.values())


def _of_source(source: Path, recursive: bool, alone: bool) -> Iterator[Found]:
    if source.is_dir():
        base = source if alone else source.absolute().parent
        for path in list_images(source, recursive):
            yield Found(path, (path if alone else path.absolute()).relative_to(base))
    elif source.exists():
        if not source.is_file():
            raise UserError(f"{source}: a pipe, socket or device; expected an image file, a folder or a pattern")
        yield Found(source, Path(source.name))
    elif glob.has_magic(str(source)):
        fixed = _fixed_part(source)
        matches = [Path(match) for match in sorted(glob.glob(str(source), recursive=recursive))]
        images = [path for path in matches if path.is_file() and path.suffix.lower() in FORMATS]
        if not images:
            raise UserError(f"{source}: no image matches; looked for {', '.join(FORMATS)}")
        yield from (Found(path, path.relative_to(fixed)) for path in images)
    else:
        raise UserError(f"{source}: no such file or folder")


def _fixed_part(pattern: Path) -> Path:
    """The folders of a pattern before the first that is one."""
    parts = list(pattern.parts)
    count = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:count]) if count else Path(os.curdir)
