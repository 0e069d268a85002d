"""``maskdcpt classify``: names what has damaged an image or a folder of images."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.errors import UserError
from maskdcpt.images import list_images
from maskdcpt.inference import Restorer


@dataclass(frozen=True, kw_only=True)
class Options:
    """Names what has damaged an image, or each image of a folder: one line an image, best guess first."""

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IN")]]
    """Image or folder; of a folder all images in and below it."""
    weights: Annotated[str, tyro.conf.arg(metavar="DIR")] = "default"
    """Folder of weights with a classifier or of a training run, or user/name on the Hugging Face Hub."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Prints each line as JSON: image, and types with their probabilities."""
    device: str = "auto"
    """cpu, cuda or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code, 1 if some images of a folder could not be classified."""
    options = parse(Options, argv, prog="maskdcpt classify")
    restorer = Restorer.from_pretrained(options.weights, device=options.device)
    if restorer.classifier is None:
        raise UserError(f"{options.weights}: these weights have no classifier; pre-training makes one")
    if not options.source.is_dir():
        _print_line(options.source, restorer.classify(options.source), options.json)
        return 0
    failures = []
    for path in list_images(options.source):
        try:
            _print_line(path, restorer.classify(path), options.json)
        except UserError as error:
            failures.append(str(error))
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _print_line(path: Path, types: dict[str, float], as_json: bool) -> None:
    if as_json:
        line = json.dumps({"image": str(path), "types": types})
    else:
        line = f"{path}: " + ", ".join(f"{name} {probability:.1%}" for name, probability in types.items())
    print(line, flush=True)
