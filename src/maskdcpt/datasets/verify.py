"""Whether data sets on a disk are what they should be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from maskdcpt.datasets.check import Checked, Problem, Task, check, thinned
from maskdcpt.datasets.entry import DataSet, Member, Survey
from maskdcpt.datasets.fingerprint import Fingerprint, duplicate_groups
from maskdcpt.datasets.registry import DATASETS, find_dataset, find_datasets
from maskdcpt.datasets.shift import common_shift
from maskdcpt.errors import UserError, nearest
from maskdcpt.parallel import Processes
from maskdcpt.progress import progress_bar

QUICK = 32
"""Clean images of each split that are read at a quick look."""

TRAIN = "train"


@dataclass(frozen=True)
class SplitReport:
    """What is there of a split."""

    name: str
    """The split."""
    found: int
    """Complete pairs, or images where there are no pairs."""
    expected: int | None
    """How many were published; None where that is not known."""
    missing: tuple[str, ...]
    """Files that are not there and should be."""
    unreadable: tuple[Problem, ...] = ()
    """Images that cannot be read."""
    sizes: tuple[Problem, ...] = ()
    """Pairs whose images differ in size."""
    shifts: tuple[Problem, ...] = ()
    """Pairs that do not align, or do not show the same."""
    systematic: tuple[float, float] | None = None
    """Pixels right and down by which all pairs are shifted, if they are."""
    untold: int = 0
    """Pairs too small, too uniform or too damaged to tell a shift."""
    read: int = 0
    """Pairs or images that were read."""

    @property
    def lacking(self) -> int:
        """How many are missing of those published."""
        return max(0, (self.expected or 0) - self.found) if self.found else 0

    @property
    def surplus(self) -> int:
        """How many there are more than published."""
        return max(0, self.found - self.expected) if self.expected else 0

    @property
    def problems(self) -> int:
        """How much is wrong."""
        named = sum(map(len, (self.unreadable, self.sizes, self.shifts)))
        return named + max(self.lacking, len(self.missing)) + self.surplus + (self.systematic is not None)


@dataclass(frozen=True)
class SetReport:
    """What is there of a data set."""

    name: str
    """The data set."""
    folder: str
    """Where it lies."""
    splits: tuple[SplitReport, ...]
    """What of it is there, and what of it was published."""
    refused: tuple[str, ...] = ()
    """Links that lead out of the folder, and what is no file; neither is read."""
    lone: tuple[str, ...] = ()
    """Clean images without any damaged one."""
    error: str = ""
    """Why its files cannot be made sense of; empty if they can."""

    @property
    def problems(self) -> int:
        """How much is wrong."""
        absent = not any(split.found or split.missing for split in self.splits)
        return sum(split.problems for split in self.splits) + len(self.refused) + bool(self.error or absent)


class Overlap(NamedTuple):
    """Pictures that two splits, or one, have more than once."""

    one: str
    """Data set and split, ``bsd500 val``."""
    other: str
    """The other; the same for pictures that are in one split twice."""
    pictures: tuple[tuple[str, str], ...]
    """An image of each, for each such picture."""
    leak: bool
    """Whether one is for training and the other is held out."""


@dataclass(frozen=True)
class RootReport:
    """What is in a folder of data sets."""

    root: str
    """The folder."""
    sets: tuple[SetReport, ...]
    """One each."""
    overlaps: tuple[Overlap, ...] = ()
    """Pictures that occur more than once."""
    unknown: tuple[str, ...] = ()
    """Folders of no known data set, each with the name that may be meant."""
    quick: bool = False
    """Whether only some images were read, and no duplicates looked for."""

    @property
    def problems(self) -> int:
        """How much is wrong: 0 when all is well."""
        leaks = sum(len(overlap.pictures) for overlap in self.overlaps if overlap.leak)
        return sum(each.problems for each in self.sets) + leaks


class _Split(NamedTuple):
    """A split while it is being checked."""

    entry: DataSet
    name: str
    folder: Path
    survey: Survey


def verify(
    root: Path, names: Sequence[str] = (), *, workers: int = 1, quick: bool = False, progress: bool = True
) -> RootReport:
    """Checks the data sets in a folder: are all files there, whole, of one size and aligned; does anything occur twice.

    Args:
        root: Folder with a folder for each data set.
        names: Data sets to check; none for all that are there.
        workers: Processes that read images.
        quick: Reads only some images of each split, and looks for no duplicates.
        progress: Whether to show a progress bar on standard error.

    Raises:
        UserError: If a name is unknown, its data set is not there, or there is no data set at all.
    """
    present = _present(root, names)
    unknown = () if names else _unknown(root)
    splits, errors = _surveys(present)
    if not names:
        present, splits = _without_absent(present, splits, errors)
    tasks = {
        (split.entry.name, split.name): thinned(every, QUICK) if quick else every
        for split in splits
        for every in (_tasks(split.survey.members),)
    }
    checked = _check(tasks, workers, progress)
    reports = tuple(_set_report(entry, folder, splits, checked, errors) for entry, folder in present)
    overlaps = () if quick else _overlaps(splits, checked)
    return RootReport(str(root), reports, overlaps, unknown, quick)


def _present(root: Path, names: Sequence[str]) -> list[tuple[DataSet, Path]]:
    present = find_datasets(root)
    if names:
        wanted = {find_dataset(name).name for name in names}
        present = [(entry, folder) for entry, folder in present if entry.name in wanted]
        absent = wanted - {entry.name for entry, _ in present}
        if absent:
            first = DATASETS[min(absent)]
            raise UserError(f"{root / first.folder}: no such folder, so {first.name} is not there to be checked")
    if not present:
        unknown = _unknown(root)
        hint = f"; not known: {', '.join(unknown)}" if unknown else ""
        raise UserError(f"{root}: no folder with the name of a data set here; see maskdcpt data list{hint}")
    return present


def _surveys(present: Sequence[tuple[DataSet, Path]]) -> tuple[list[_Split], dict[str, str]]:
    """What is there of each split; and why that cannot be said of a data set."""
    splits: list[_Split] = []
    errors: dict[str, str] = {}
    for entry, folder in present:
        try:
            splits += [_Split(entry, name, folder, files.survey(folder)) for name, files in entry.splits.items()]
        except UserError as error:
            errors[entry.name] = str(error)
    return [split for split in splits if split.entry.name not in errors], errors


def _without_absent(
    present: list[tuple[DataSet, Path]], splits: list[_Split], errors: Mapping[str, str]
) -> tuple[list[tuple[DataSet, Path]], list[_Split]]:
    """Leaves out sets of which nothing is there, where others are in the same folder: an archive may hold several."""
    filled = {split.entry.folder for split in splits if split.survey.members}
    begun = {split.entry.name for split in splits if split.survey.members or split.survey.missing} | set(errors)
    kept = {entry.name for entry, _ in present if entry.name in begun or entry.folder not in filled}
    return [each for each in present if each[0].name in kept], [each for each in splits if each.entry.name in kept]


def _unknown(root: Path) -> tuple[str, ...]:
    folders = {entry.folder for entry in DATASETS.values()}
    found = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    hints = {name: nearest(name.lower(), folders) for name in found if name not in folders}
    return tuple(f"{name}{hint if 'did you mean' in hint else ''}" for name, hint in hints.items())


def _tasks(members: Iterable[Member]) -> list[Task]:
    groups: dict[Path, list[Member]] = defaultdict(list)
    tasks: list[Task] = []
    for member in members:
        if member.clean is not None:
            groups[member.clean].append(member)
        elif member.degraded is not None:
            tasks.append(Task(None, ((member.key, member.degraded, member.type),)))
    for clean, group in groups.items():
        pairs = tuple((each.key, each.degraded, each.type) for each in group if each.degraded is not None)
        tasks.append(Task(clean, pairs))
    return tasks


_Checks = Mapping[tuple[str, str], list[tuple[Task, Checked]]]


def _check(tasks: Mapping[tuple[str, str], list[Task]], workers: int, progress: bool) -> _Checks:
    every = [(place, task) for place, group in tasks.items() for task in group]
    checked: dict[tuple[str, str], list[tuple[Task, Checked]]] = {place: [] for place in tasks}
    total = sum(max(1, len(task.degraded)) for _, task in every)
    results: dict[int, Checked] = {}
    pool = Processes(workers if workers > 1 else 0)
    with (
        progress_bar(total=total, title="checking", unit="image", show=progress and bool(every)) as bar,
        closing(pool.work_off(check, range(len(every)), lambda number: every[number][1], alive=lambda: None)) as done,
    ):
        for number, result in done:
            results[number] = result
            bar.update(max(1, len(every[number][1].degraded)))
    for number, (place, task) in enumerate(every):
        checked[place].append((task, results[number]))
    return checked


def _set_report(
    entry: DataSet, folder: Path, splits: Sequence[_Split], checked: _Checks, errors: Mapping[str, str]
) -> SetReport:
    own = [split for split in splits if split.entry is entry]
    refused = tuple(dict.fromkeys(text for split in own for text in split.survey.refused))
    used = {member.clean for split in splits if split.folder == folder for member in split.survey.members}
    lone = [path for split in own for path in split.survey.clean if path not in used]
    names = tuple(dict.fromkeys(path.relative_to(folder).as_posix() for path in lone))
    reports = tuple(_split_report(split, checked[entry.name, split.name]) for split in own)
    return SetReport(entry.name, str(folder), reports, refused, names, errors.get(entry.name, ""))


def _split_report(split: _Split, checked: Sequence[tuple[Task, Checked]]) -> SplitReport:
    problems: dict[str, list[Problem]] = defaultdict(list)
    for _, result in checked:
        for problem in result.problems:
            problems[problem.kind].append(problem)
    alignments = [alignment for _, result in checked for alignment in result.alignments]
    return SplitReport(
        name=split.name,
        found=len(split.survey.members),
        expected=split.entry.counts.get(split.name),
        missing=split.survey.missing,
        unreadable=tuple(problems["unreadable"]),
        sizes=tuple(problems["size"]),
        shifts=tuple(problems["shift"] + problems["unlike"]),
        systematic=common_shift(alignments),
        untold=sum(each.kind == "untold" for each in alignments),
        read=sum(max(1, len(task.degraded)) for task, _ in checked),
    )


class _Picture(NamedTuple):
    path: Path
    split: str
    train: bool
    name: str
    scene: str


def _overlaps(splits: Sequence[_Split], checked: _Checks) -> tuple[Overlap, ...]:
    owners: dict[Path, list[_Picture]] = defaultdict(list)
    prints: dict[Path, Fingerprint] = {}
    for split in splits:
        scenes = {member.clean or member.degraded: member.scene for member in split.survey.members}
        for task, result in checked[split.entry.name, split.name]:
            path = task.clean or task.degraded[0][1]
            if result.prints is not None:
                prints[path] = result.prints
                name = path.relative_to(split.folder).as_posix()
                place = f"{split.entry.name} {split.name}"
                owners[path].append(_Picture(path, place, split.name == TRAIN, name, scenes[path]))
    paths = list(prints)
    groups = [[paths[index] for index in group] for group in duplicate_groups([prints[path] for path in paths])]
    grouped = {path for group in groups for path in group}
    alone = [[path] for path in paths if path not in grouped]  # one file may still be of two splits
    found: dict[tuple[str, str, bool], list[tuple[str, str]]] = defaultdict(list)
    for group in (*groups, *alone):
        for one, other in _pairs([picture for path in group for picture in owners[path]]):
            found[one.split, other.split, one.train != other.train].append((one.name, other.name))
    return tuple(
        Overlap(one, other, tuple(pictures), leak)
        for (one, other, leak), pictures in sorted(found.items(), key=lambda item: (not item[0][2], item[0]))
    )


def _pairs(pictures: Sequence[_Picture]) -> Iterator[tuple[_Picture, _Picture]]:
    """Of images that show the same: in a split, each but the first; and of two splits, one each."""
    by_split: dict[str, list[_Picture]] = defaultdict(list)
    for picture in pictures:
        known = by_split[picture.split]
        if not picture.scene or picture.scene not in {each.scene for each in known}:
            known.append(picture)
    for first, *others in by_split.values():
        yield from ((first, other) for other in others)
    for one, other in combinations(by_split.values(), 2):
        leak = one[0].train != other[0].train
        # Sets that come in one archive share clean images: the same file is no copy, but training on it is a leak.
        apart = [(a, b) for a in one for b in other if a.path != b.path or leak]
        for a, b in apart[:1]:
            yield (a, b) if a.train >= b.train else (b, a)
