"""``maskdcpt export``: writes weights as a file for other runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.export import Export, FormatName, Parity, export_model


@dataclass(frozen=True, kw_only=True)
class Options:
    """Writes weights as a file for other runtimes, for images of any size, and proves that it computes the same."""

    weights: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="WEIGHTS")]]
    """Folder of weights or of a training run, a file of weights, or user/name on the Hugging Face Hub."""
    target: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="OUT")]]
    """The new file: .onnx, .pt2 (torch-export) or .xml (openvino, with .bin beside it)."""
    format: FormatName | None = None
    """Format of the file; without it the one of its suffix."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces a file that exists."""
    seed: int = 0
    """Decides about the sizes and pictures on which file and network are compared."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt export")
    made = export_model(options.weights, options.target, options.format, force=options.force, seed=options.seed)
    for line in _lines(made):
        print(line)
    return 0


def _lines(made: Export) -> list[str]:
    description = made.description
    types = ", ".join(description.types) or "none, the weights have no classifier"
    return [
        f"network: {description.family}, stride {description.stride}, reach {description.reach} pixels",
        f"types of damage: {types}",
        f"weights: sha256 {description.sha256}, licence {description.licence or 'not stated'}",
        *(_parity_line(parity) for parity in made.parity),
        *(f"{made.kind}: {path} ({path.stat().st_size / 1e6:.1f} MB)" for path in made.paths),
    ]


def _parity_line(parity: Parity) -> str:
    images, height, width = parity.size
    probability = "" if parity.probability is None else f", of probabilities {parity.probability:.1e}"
    return (
        f"same on {images} x 3 x {height} x {width}: greatest difference {parity.difference:.1e}{probability}, "
        f"PSNR {parity.psnr:.1f} dB"
    )
