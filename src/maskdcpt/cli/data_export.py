"""``maskdcpt data export``: writes a built data set in another format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.corpus import export_webdataset


@dataclass(frozen=True, kw_only=True)
class Options:
    """Writes a built data set in another format; files that are there already are kept."""

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIR")]]
    """Folder of the data set."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for the new files."""
    format: Literal["webdataset"] = "webdataset"
    """Tar files with clean.png, degraded.png and json of each pair."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt data export")
    report = export_webdataset(options.source, options.out)
    now = f"{report.made} written now with {report.pairs:,} pairs"
    print(f"{report.tars} tar files: {now}, {report.tars - report.made} kept")
    print(f"folder: {options.out}")
    return 0
