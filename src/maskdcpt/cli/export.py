"""``maskdcpt export``: writes weights as a file for other runtimes, or as a small folder to give away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from maskdcpt.classes import CLEAN
from maskdcpt.cli.arguments import parse
from maskdcpt.export import Export, FormatName, Half, Parity, export_half, export_model
from maskdcpt.inference.description import Description


@dataclass(frozen=True, kw_only=True)
class Options:
    """Writes weights as a file for other runtimes, or a small folder to give away, and proves that it does the same.

    Files for other runtimes take images of any size.
    """

    weights: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="WEIGHTS")]]
    """Folder of weights or of a training run, a file of weights, user/name on the Hugging Face Hub, or default for the
    weights of the package."""
    target: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="OUT")]]
    """The new file: .onnx, .pt2 (torch-export) or .xml (openvino, with .bin beside it); or the new folder, with
    --format half."""
    format: FormatName | Literal["half"] | None = None
    """Format of the file; without it the one of its suffix. half makes a folder of weights in numbers of 16 bits."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces a file that exists; a folder is never replaced."""
    seed: int = 0
    """Decides about the sizes and pictures on which file and network are compared; half compares fixed ones."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt export")
    if options.format == "half":
        lines = _half_lines(export_half(options.weights, options.target))
    else:
        made = export_model(options.weights, options.target, options.format, force=options.force, seed=options.seed)
        lines = _lines(made)
    for line in lines:
        print(line)
    return 0


def _lines(made: Export) -> Iterator[str]:
    yield from _about(made.description)
    yield from map(_parity_line, made.parity)
    yield from (f"{made.kind}: {path} ({path.stat().st_size / 1e6:.1f} MB)" for path in made.paths)


def _half_lines(made: Half) -> Iterator[str]:
    yield from _about(made.description)
    named = "" if made.named_alike is None else f", the same named first in {made.named_alike}"
    yield f"same on {made.images} photos: PSNR {made.psnr:.1f} dB or more{named}"
    yield f"half: {made.folder} ({made.size / 1e6:.1f} MB)"
    if made.description.types:
        yield f"next: maskdcpt calibrate {made.folder}, since a calibration belongs to the numbers it was measured with"


def _about(description: Description) -> Iterator[str]:
    types = ", ".join(name for name in description.types if name != CLEAN) or "none, the weights have no classifier"
    yield f"network: {description.family}, stride {description.stride}, reach {description.reach} pixels"
    yield f"types of damage: {types}"
    yield f"weights: sha256 {description.sha256}, licence {description.licence or 'not stated'}"


def _parity_line(parity: Parity) -> str:
    images, height, width = parity.size
    probability = "" if parity.probability is None else f", of probabilities {parity.probability:.1e}"
    return (
        f"same on {images} x 3 x {height} x {width}: greatest difference {parity.difference:.1e}{probability}, "
        f"PSNR {parity.psnr:.1f} dB"
    )
