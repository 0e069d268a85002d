"""``maskdcpt realism``: holds synthetic damage against real damaged photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.data import EmbeddedImages, FolderImages
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.inference import Restorer
from maskdcpt.reports import RealismReport, require_new_page, write_realism


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compares statistics of synthetic images with those of real damaged photos; writes a page with plots."""

    real: tyro.conf.Positional[Annotated[tuple[str, ...], tyro.conf.arg(metavar="TYPE=DIR")]]
    """Types of damage, each with a folder of real photos of it."""
    out: Annotated[Path, tyro.conf.arg(metavar="HTML")]
    """The page."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean photos to damage; without it the embedded ones."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="DIR")] = None
    """Weights with a classifier, which then names the real photos; default for those of the package."""
    seed: int = 0
    """Of the random levels."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces a page that exists."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt realism")
    real = dict(_pair(word) for word in options.real)
    if not real:
        raise UserError("one TYPE=DIR or more is needed, such as haze=photos/haze; see maskdcpt realism --help")
    if len(real) < len(options.real):
        raise UserError("a type of damage is named twice; put all real photos of a type into one folder")
    require_new_page(options.out, options.force)
    restorer = Restorer.from_pretrained(options.weights, device=options.device) if options.weights else None
    if restorer is not None and restorer.classifier is None:
        raise UserError(f"{options.weights}: these weights have no classifier; pre-training makes one")
    clean = FolderImages(options.data) if options.data else EmbeddedImages("test")
    report = write_realism(options.out, real, clean, restorer, options.seed)
    for note in report.notes:
        print(f"note: {note}")
    for line in _table(report):
        print(line)
    print(f"page: {options.out}")
    return 0


def _pair(word: str) -> tuple[str, Path]:
    name, equals, folder = word.partition("=")
    if not equals or not folder:
        raise UserError(f"{word!r} is not TYPE=DIR, such as haze=photos/haze")
    CATALOGUE[name].require_levels()
    return name, Path(folder)


def _table(report: RealismReport) -> list[str]:
    columns = ("brightness", "differences", "dark_channel", "noise")
    lines = [f"{'synthetic/clean from real':26}" + "".join(f"{column:>18}" for column in columns)]
    for section in report.sections:
        values = (f"{a:.3f}/{b:.3f}" for a, b in zip(section.synthetic, section.clean, strict=True))
        lines.append(f"{section.title:26}" + "".join(f"{value:>18}" for value in values))
    for row in report.confusion:
        named = ", ".join(f"{title} {count}" for title, count in zip(report.classes, row.counts, strict=True) if count)
        lines.append(f"{row.title}: named {named}")
    return lines
