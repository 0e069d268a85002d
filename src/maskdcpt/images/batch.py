"""Working through image files: one, or all of a folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from maskdcpt.errors import UserError
from maskdcpt.images.discover import list_images
from maskdcpt.images.formats import format_of
from maskdcpt.progress import progress_bar


class Job(Protocol):
    """One image to make."""

    @property
    def target(self) -> Path:
        """The file that it becomes."""
        ...


JobT = TypeVar("JobT", bound=Job)


@dataclass(frozen=True)
class BatchReport:
    """What became of the files."""

    written: tuple[Path, ...]
    """New images, in order."""
    failures: tuple[str, ...]
    """Why others could not be made, a line each, which names the file."""
    notes: tuple[str, ...]
    """What was dropped or approximated, a line each, which names the file."""
    seconds: float
    """How long it took."""


def pair_files(source: Path, target: Path, suffix: str | None = None) -> list[tuple[Path, Path]]:
    """Every image that ``source`` is or holds, with the file that it is to become.

    Args:
        source: An image or a folder.
        target: For an image its new file, or an existing folder to put it in; for a folder the folder that mirrors it.
        suffix: What the names of new files end in, other than a file that ``target`` names; None for that of the
            original.

    Raises:
        UserError: If there is no image, source and target overlap, the target's suffix is no image format's, or two
            images would become one.
    """
    if source.is_dir():
        if target.exists() and not target.is_dir():
            raise UserError(f"{target}: a folder of images needs a folder to go to, and this is a file")
        here, there = source.resolve(), target.resolve()
        if here == there or here in there.parents or there in here.parents:
            raise UserError(f"{target}: the new images need a folder apart from {source}")
        pairs = [(path, _renamed(target / path.relative_to(source), suffix)) for path in list_images(source)]
        refuse_originals(pairs)
        twice = [path for path, count in Counter(path for _, path in pairs).items() if count > 1]
        if twice:
            both = " and ".join(str(path) for path, new in pairs if new == twice[0])
            raise UserError(f"{both} would both become {twice[0]}; rename one")
        return pairs
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    target = _renamed(target / source.name, suffix) if target.is_dir() else target
    format_of(target)
    refuse_originals([(source, target)])
    return [(source, target)]


def _renamed(path: Path, suffix: str | None) -> Path:
    return path if suffix is None else path.with_suffix(suffix)


def refuse_originals(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Refuses to write to a file that is read from, by whatever links it is reached.

    Args:
        pairs: Images, each with the file that it is to become.

    Raises:
        UserError: If a new file is one of the images.
    """
    originals = {source.resolve() for source, _ in pairs}
    for source, target in pairs:
        if target.resolve() in originals or (target.exists() and target.samefile(source)):
            raise UserError(f"{target}: the new image needs a file of its own, and this is the original")


def refuse_existing(paths: Sequence[Path]) -> None:
    """Refuses to go on where files would be replaced.

    Raises:
        UserError: If one exists.
    """
    existing = [path for path in paths if path.exists()]
    if existing:
        raise UserError(f"{len(existing)} of {len(paths)} files exist, {existing[0]} the first; --force replaces them")


def work_through(
    jobs: Sequence[JobT], work: Callable[[JobT], Iterable[str]], *, title: str, single: bool, progress: bool = True
) -> BatchReport:
    """Makes one image after another.

    One that cannot be made does not stop the rest. Every image that has been written is whole, whatever happens later.

    Args:
        jobs: What to do.
        work: Does one job, folders of its target included; returns notes, each naming the file.
        title: What is going on, for the progress bar.
        single: Whether the image is a single one: then what is wrong with it is raised, and there is no progress bar.
        progress: Whether to show a progress bar on standard error.

    Raises:
        UserError: Whenever the disk is full or a target cannot be written; then the message says how far it got. For a
            single image, if it cannot be made.
    """
    start = time.perf_counter()
    written: list[Path] = []
    failures: list[str] = []
    notes: list[str] = []
    with progress_bar(total=len(jobs), title=title, unit="image", show=progress and not single and bool(jobs)) as bar:
        for job in jobs:
            try:
                notes += work(job)
                written.append(job.target)
            except UserError as error:
                if single:
                    raise
                failures.append(str(error))
            except OSError as error:
                done = "" if single else f"; {len(written)} of {len(jobs)} images were done"
                raise UserError(f"{job.target}: cannot be written ({error.strerror}){done}") from None
            bar.update()
    return BatchReport(tuple(written), tuple(failures), tuple(notes), time.perf_counter() - start)
