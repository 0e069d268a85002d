"""``maskdcpt restore``: restores an image or a folder of images."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.inference import Restorer, restore_files


@dataclass(frozen=True, kw_only=True)
class Options:
    """Restores an image or all images of a folder, at their size."""

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IN")]]
    """Image or folder; of a folder all images in and below it."""
    target: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="OUT")]]
    """Restored image, or the folder for restored images, which keep their names."""
    weights: Annotated[str, tyro.conf.arg(metavar="DIR")] = "default"
    """Folder of weights or of a training run, a file of weights, or user/name on the Hugging Face Hub."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces files that exist."""
    device: str = "auto"
    """cpu, cuda or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code, 1 if some images of a folder could not be restored."""
    options = parse(Options, argv, prog="maskdcpt restore")
    restorer = Restorer.from_pretrained(options.weights, device=options.device)
    report = restore_files(restorer, options.source, options.target, options.force)
    for note in report.notes:
        print(f"note: {note}")
    done, total = len(report.written), len(report.written) + len(report.failures)
    rate = done / report.seconds
    print(f"{done} of {total} images restored in {report.seconds:.1f} s ({rate:.2f} images/s): {options.target}")
    for failure in report.failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if report.failures else 0
