"""``maskdcpt classify``: names what has damaged an image or a folder of images."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.errors import UserError
from maskdcpt.images import look_into
from maskdcpt.inference import Restorer, Verdict

MOST = 5
"""Types that a line of text names."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Names what has damaged an image, or each image of a folder: one line an image, the five best guesses.

    Calibrated weights (maskdcpt calibrate) tell as well whether an image looks clean or unlike what they know.
    Images of more than 512 x 512 pixels are judged by four parts.
    """

    source: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="IN")]]
    """Image or folder; of a folder all images in and below it."""
    weights: Annotated[str, tyro.conf.arg(metavar="DIR")] = "default"
    """default for those of the package; a folder of weights with a classifier or of a training run, or user/name on the
    Hugging Face Hub."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Prints each line as JSON: image, all types with their probabilities, clean and unfamiliar (true, false, or null
    where the weights cannot tell), reason, and complete (whether no damage is known that they would overlook)."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code, 1 if some images of a folder could not be classified."""
    options = parse(Options, argv, prog="maskdcpt classify")
    restorer = Restorer.from_pretrained(options.weights, device=options.device)
    if restorer.classifier is None:
        raise UserError(f"{options.weights}: these weights have no classifier; pre-training makes one")
    if not options.source.is_dir():
        _print_line(options.source, restorer.examine(options.source), options.json)
        return 0
    paths, left_out = look_into(options.source)
    failures = []
    for path in paths:
        try:
            _print_line(path, restorer.examine(path), options.json)
        except UserError as error:
            failures.append(str(error))
    for line in left_out:
        print(line, file=sys.stderr)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _print_line(path: Path, verdict: Verdict, as_json: bool) -> None:
    if as_json:
        line = json.dumps({"image": str(path), **asdict(verdict)})
    else:
        likely = islice(verdict.types.items(), MOST)
        line = f"{path}: " + ", ".join(f"{name} {probability:.1%}" for name, probability in likely)
        marks = {"looks clean": verdict.clean, "unfamiliar": verdict.unfamiliar}
        line += "".join(f"; {mark}" for mark, holds in marks.items() if holds)
    print(line, flush=True)
