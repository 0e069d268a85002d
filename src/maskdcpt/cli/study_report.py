"""``maskdcpt study report``: the page of results of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.study.page import write_study_report
from maskdcpt.study.results import gather


@dataclass(frozen=True, kw_only=True)
class Options:
    """Gathers the results of a study in a few small files, and makes its page and pictures of them."""

    folders: tyro.conf.Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR")]]
    """Folders of studies whose recipes differ in arms, networks and seeds alone, or of results written before."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder for files and pictures; the page lies beside it, with .md behind its name."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt study report")
    results = gather(options.folders)
    page = write_study_report(results, options.out)
    print(f"runs: {len(results.runs)} of {len(results.study.grid())}")
    print(f"page: {page}")
    return 0
