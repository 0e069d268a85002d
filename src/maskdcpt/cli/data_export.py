"""``maskdcpt data export``: writes a built data set in another format, or to another place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.corpus import copy_to, export_webdataset
from maskdcpt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Options:
    """Writes a built data set in another format, or to an object store; files that are there already are kept."""

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIR")]]
    """Folder of the data set."""
    out: Annotated[str, tyro.conf.arg(metavar="DIR")]
    """Folder for the new files; for copy also a place such as s3://bucket/name that fsspec reaches."""
    format: Literal["webdataset", "copy"] = "webdataset"
    """Tar files with clean.png, degraded.png and json of each pair; or the data set as it is."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt data export")
    if options.format == "copy":
        copied = copy_to(options.source, options.out)
        kept = copied.files - copied.copied
        print(f"{copied.copied} files copied now, {copied.bytes / 1e9:.2f} GB, {kept} kept: {options.out}")
        return 0
    if "://" in options.out:
        raise UserError(f"--out {options.out}: tar files need a folder; --format copy takes data sets elsewhere")
    report = export_webdataset(options.source, Path(options.out))
    now = f"{report.made} written now with {report.pairs:,} pairs"
    print(f"{report.tars} tar files: {now}, {report.tars - report.made} kept")
    print(f"folder: {options.out}")
    return 0
