"""Working through image files: one, or all of a folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from maskdcpt.errors import UserError
from maskdcpt.files import folded_name
from maskdcpt.images.formats import format_of
from maskdcpt.images.naming import SAME_NAMES, Naming, find_images
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


class Pairs(NamedTuple):
    """What there is to do, by the names of files."""

    pairs: tuple[tuple[Path, Path], ...]
    """Images, each with the file that it is to become."""
    passed: tuple[Path, ...]
    """Images that were asked for and are not taken, since they are results themselves."""
    left_out: tuple[str, ...]
    """What lies beside them in folders and is not taken, a line each for people."""


def pair_files(
    source: Path | Sequence[Path],
    target: Path,
    naming: Naming = SAME_NAMES,
    recursive: bool = True,
    results: Collection[Path] = (),
) -> Pairs:
    """Every image that ``source`` is or holds, with the file that it is to become.

    Args:
        source: An image, a folder or a pattern, as ``find_images`` takes it, or several of them.
        target: For a single image its new file, or an existing folder to put it in; else the folder for all of them,
            which mirrors a single folder.
        naming: How files in a folder are called.
        recursive: Whether to look into folders below a folder.
        results: Files that are no originals, since they were made of others.

    Raises:
        UserError: If there is no image, or none but results, source and target overlap, the target's suffix is no
            image format's, two images would become one, or both a name and a naming are given.
    """
    sources = [source] if isinstance(source, Path) else list(source)
    (asked, left_out), made = find_images(sources, recursive), {path.resolve() for path in results}
    passed = tuple(each.path for each in asked if each.path.resolve() in made)
    found = [each for each in asked if each.path not in passed]
    if not found:
        raise UserError(f"{passed[0]}: a result of an earlier call, like all that was asked for; name originals")
    if is_single(source) and not target.is_dir():
        format_of(target)
        if naming != SAME_NAMES:
            raise UserError(
                f"{target}: a single image gets this name and the format of its ending, so no suffix, template or "
                "format can be given; or name a folder that exists"
            )
        pairs = [(found[0].path, target)]
    else:
        if target.exists() and not target.is_dir():
            raise UserError(f"{target}: a folder of images needs a folder to go to, and this is a file")
        for folder in sources:
            _refuse_overlap(folder, target)
        pairs = [(each.path, target / naming.rename(each.name, number)) for number, each in enumerate(found, 1)]
        for _, path in pairs:
            format_of(path)
    refuse_originals(pairs)
    _refuse_twins(pairs)
    return Pairs(tuple(pairs), passed, left_out)


def is_single(source: Path | Sequence[Path]) -> bool:
    """Whether what was asked for is one image, by its name."""
    sources = [source] if isinstance(source, Path) else list(source)
    return len(sources) == 1 and sources[0].is_file()


def _refuse_overlap(source: Path, target: Path) -> None:
    here, there = source.resolve(), target.resolve()
    if source.is_dir() and (here == there or here in there.parents or there in here.parents):
        raise UserError(f"{target}: the new images need a folder apart from {source}")


def _refuse_twins(pairs: Sequence[tuple[Path, Path]]) -> None:
    twins: dict[str, list[tuple[Path, Path]]] = {}
    for source, new in pairs:
        twins.setdefault(folded_name(new), []).append((source, new))
    found = next((each for each in twins.values() if len(each) > 1), None)
    if found is not None:
        both, names = (list(dict.fromkeys(map(str, paths))) for paths in zip(*found, strict=True))
        fate = (
            f"both become {names[0]}"
            if len(names) == 1
            else f"become {names[0]} and {names[1]}, one file on many disks"
        )
        raise UserError(f"{' and '.join(both)} would {fate}; rename one")


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


def refuse_existing(
    paths: Sequence[Path], expected: Collection[Path] = (), why: Callable[[Path], str] = lambda _: ""
) -> None:
    """Refuses to go on where files would be replaced.

    Args:
        paths: Files that are to be made.
        expected: Those of them that may be there.
        why: Tells of another one what it is, as in "a.png, which was made with other settings"; may be empty.

    Raises:
        UserError: If another one exists.
    """
    existing = [path for path in paths if path.exists() and path not in expected]
    if existing:
        reason = f", which {words}" if (words := why(existing[0])) else ""
        raise UserError(
            f"{len(existing)} of {len(paths)} files exist, {existing[0]} the first{reason}; --force replaces them"
        )


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
                raise UserError(f"{job.target}: cannot be written ({error.strerror or error}){done}") from None
            bar.update()
    return BatchReport(tuple(written), tuple(failures), tuple(notes), time.perf_counter() - start)
