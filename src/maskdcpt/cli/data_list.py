"""``maskdcpt data list``: the public data sets that are known."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.cli.columns import aligned
from maskdcpt.datasets import DATASETS, DataSet, find_dataset

COMMERCIAL = {True: "yes", False: "no", None: "not stated"}
"""Whether a licence allows commercial use, in words."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Shows the public data sets that are known, or all that is known of one."""

    name: Annotated[str | None, tyro.conf.arg(metavar="N")] = None
    """Everything about one: where to get it, how it has to lie on the disk, terms, and what people have got wrong."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt data list")
    for line in _table() if options.name is None else _about(find_dataset(options.name)):
        print(line)
    return 0


def _table() -> Iterator[str]:
    rows = [("name", "title", "damage", "real", "splits", "commercial")]
    rows += [
        (
            entry.name,
            entry.title,
            ", ".join(entry.types) or ("-" if _clean(entry) else "of no type"),
            "-" if _clean(entry) else "yes" if entry.real else "no",
            _splits(entry),
            COMMERCIAL[entry.licence.commercial],
        )
        for entry in DATASETS.values()
    ]
    yield from aligned(rows, left=range(len(rows[0])))
    yield f"{len(DATASETS)} data sets; --name N tells all about one"


def _about(entry: DataSet) -> Iterator[str]:
    facts = {
        "title": entry.title,
        "damage": ", ".join(entry.types) or ("none: clean images" if _clean(entry) else "of no type in the catalogue"),
        "real": "-" if _clean(entry) else "photographed" if entry.real else "computed",
        "splits": _splits(entry),
        "licence": entry.licence.name,
        "commercial": COMMERCIAL[entry.licence.commercial],
        "from": entry.homepage,
        "paper": entry.citation,
    }
    yield entry.name
    for name, value in facts.items():
        yield f"  {name:10}  {value}"
    yield ""
    yield f"ROOT/{entry.folder}/"
    for split, files in entry.splits.items():
        yield f"  {split}"
        places = [line.split("  ") for line in files.layout]
        width = max(len(place) for place, _ in places)
        yield from (f"    {place.ljust(width)}  {what}" for place, what in places)
    yield "Suffixes are left out, [ ] may be there or not, { } stands for a part of the name, {a|b} for a or b."
    for trap in entry.traps:
        yield ""
        yield from textwrap.wrap(trap, 100, initial_indent="! ", subsequent_indent="  ", break_on_hyphens=False)


def _splits(entry: DataSet) -> str:
    return ", ".join(f"{split} {entry.counts[split]:,}" if split in entry.counts else split for split in entry.splits)


def _clean(entry: DataSet) -> bool:
    return not entry.types and not entry.real
