"""``maskdcpt data verify``: whether the data sets in a folder are what they should be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.datasets.check import Problem
from maskdcpt.datasets.verify import Overlap, RootReport, SetReport, SplitReport, verify
from maskdcpt.errors import require
from maskdcpt.parallel import usual_workers
from maskdcpt.reports import require_new_page, write_verification

SHOWN = 3
"""How many of each kind of problem are named."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Checks the data sets in a folder: all files there, whole, of one size and aligned, nothing twice, no leaks.

    Exit code 0 if all is well, 1 if something is not, 2 if nothing could be checked.
    """

    root: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="ROOT")]]
    """Folder with a folder for each data set, named as maskdcpt data list names it."""
    names: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")] = ()
    """Data sets to check; all that are there without it."""
    workers: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Processes that read images; one for each processor without it."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """Reads some images of each split only, and looks for no duplicates."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="HTML")] = None
    """Writes a page with all that was found."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces a page that exists."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Prints everything as JSON, for programs."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code, 1 if something is wrong with a data set."""
    options = parse(Options, argv, prog="maskdcpt data verify")
    workers = usual_workers() if options.workers is None else options.workers
    require("--workers", workers, 1, 1024)
    if options.report is not None:
        require_new_page(options.report, options.force)
    report = verify(options.root, options.names, workers=workers, quick=options.quick)
    if options.report is not None:
        write_verification(options.report, report)
    if options.json:
        print(json.dumps({**_plain(report), "problems": report.problems}, indent=2))
    else:
        for line in _lines(report):
            print(line)
        if options.report is not None:
            print(f"page: {options.report}")
    return 1 if report.problems else 0


def _plain(value: Any) -> Any:
    """Values as JSON has them, with the names of all fields."""
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if hasattr(value, "_asdict"):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _lines(report: RootReport) -> Iterator[str]:
    for each in report.sets:
        yield from _set_lines(each)
    for overlap in report.overlaps:
        yield from _overlap_lines(overlap)
    for name in report.unknown:
        yield f"note: {name}: a folder of no known data set"
    if report.quick:
        yield "note: a quick look: some images of each split were read, and no duplicates looked for"
    count = report.problems
    yield f"{count:,} problem{'s' if count > 1 else ''}" if count else "all is well"


def _set_lines(report: SetReport) -> Iterator[str]:
    state = f"{report.problems:,} problem{'s' if report.problems > 1 else ''}" if report.problems else "good"
    yield f"{report.name}: {state}"
    if report.error:
        yield f"  {report.error}"
        return
    present = [split for split in report.splits if split.found or split.missing]
    for split in report.splits:
        yield f"  {split.name:8} {_count(split)}"
        yield from _named("missing", split.missing)
        yield from _named("cannot be read", _problems(split.unreadable))
        yield from _named("differ in size", _problems(split.sizes))
        yield from _named("do not align", _problems(split.shifts))
        if split.systematic is not None:
            right, down = split.systematic
            yield f"    all pairs are shifted alike, by {right:+.1f} px to the right and {down:+.1f} px down"
        if split.untold:
            unknown = f"{split.untold:,} of {split.read:,}"
            yield f"    note: {unknown} are too small, too uniform or too damaged to tell whether they align"
    if not present:
        yield "  nothing here fits its layout; see maskdcpt data list --name " + report.name
    yield from _named("are not read", report.refused)
    yield from _named("clean images have no damaged one", report.lone, "note: ")


def _count(split: SplitReport) -> str:
    if not split.found and not split.missing:
        return "not there"
    if split.expected is None:
        return f"{split.found:,}, of a number that is not known"
    short = f": {split.lacking:,} are missing" if split.lacking else ""
    many = f": {split.surplus:,} too many" if split.surplus else ""
    return f"{split.found:,} of {split.expected:,}{short}{many}"


def _problems(problems: Sequence[Problem]) -> list[str]:
    return [f"{problem.where}: {problem.what}" for problem in problems]


def _named(title: str, lines: Sequence[str], before: str = "") -> Iterator[str]:
    if lines:
        yield f"    {before}{len(lines):,} {title}"
        yield from (f"      {line}" for line in lines[:SHOWN])
        if len(lines) > SHOWN:
            yield "      ..."


def _overlap_lines(overlap: Overlap) -> Iterator[str]:
    count = len(overlap.pictures)
    pictures = f"{count:,} picture{'s' if count > 1 else ''}"
    if overlap.one == overlap.other:
        yield f"note: {overlap.one} has {pictures} more than once"
    elif overlap.leak:
        yield f"leak: {pictures} in both {overlap.one} and {overlap.other}"
    else:
        yield f"note: {pictures} in both {overlap.one} and {overlap.other}"
    yield from (f"    {one} = {other}" for one, other in overlap.pictures[:SHOWN])
    if count > SHOWN:
        yield "    ..."
