"""``maskdcpt calibrate``: measures which images weights can tell to be clean or unfamiliar."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from maskdcpt.backbones.weights import find_weights, is_single_file
from maskdcpt.cli.arguments import parse
from maskdcpt.cli.columns import aligned
from maskdcpt.data import clean_images
from maskdcpt.errors import UserError
from maskdcpt.inference import Restorer
from maskdcpt.inference.calibrate import calibrate
from maskdcpt.inference.calibration import CALIBRATION, Calibration, Flag, hash_weights, save_calibration
from maskdcpt.pretraining import load_model
from maskdcpt.weights import find_named


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measures on clean images and damaged copies of them what weights can tell, and keeps it beside the weights."""

    weights: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="WEIGHTS")]]
    """Folder of weights with a classifier, or of a training run, whose newest checkpoint counts; default for those of
    the package."""
    data: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of clean photos that the weights were not trained on; without it embedded images."""
    images: int = 100
    """Images to use at most; 20 are needed."""
    seed: int = 0
    """Of the damage, and of the division of the images."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces a calibration that exists."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto is CUDA where present, else the CPU."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    options = parse(Options, argv, prog="maskdcpt calibrate")
    place = find_named(options.weights)
    if is_single_file(place):
        raise UserError(f"{place}: a file alone has no classifier; a folder of weights is needed")
    folder = find_weights(place)
    if (folder / CALIBRATION).exists() and not options.force:
        raise UserError(f"{folder / CALIBRATION} exists; --force replaces it")
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: cannot be written to, and a calibration lies beside its weights; copy them first")
    backbone, classifier = load_model(folder)
    if classifier is None:
        raise UserError(f"{options.weights}: these weights have no classifier; pre-training makes one")
    restorer = Restorer(backbone, classifier, options.device)
    clean = clean_images(options.data, options.images)
    calibration = calibrate(
        restorer.gather_evidence,
        classifier.classes,
        clean,
        hash_weights(folder),
        source=str(options.data or "embedded images"),
        count=options.images,
        seed=options.seed,
    )
    path = save_calibration(folder, calibration)
    for line in aligned(list(_table(calibration))):
        print(line)
    for note in _notes(calibration):
        print(f"note: {note}")
    print(f"calibration: {path}")
    return 0


def _table(calibration: Calibration) -> Iterator[tuple[str, ...]]:
    yield "flag", "found", "false", "AUROC", "of", "and"
    unfamiliar = calibration.unfamiliar
    for name, flag in (("clean", calibration.clean), ("unfamiliar", unfamiliar)):
        if flag is not None:
            yield name, f"{flag.found:.0%}", f"{flag.false:.0%}", f"{flag.auroc:.2f}", *_counts(flag)


def _counts(flag: Flag) -> tuple[str, str]:
    return f"{flag.positives}", f"{flag.negatives}"


def _notes(calibration: Calibration) -> Iterator[str]:
    for name, flag in (("clean", calibration.clean), ("unfamiliar", calibration.unfamiliar)):
        if flag is None:
            yield f"{name}: not measured; the weights know all, or all but one, of the types of damage that can be made"
        elif not flag.useful:
            yield f"{name}: too few are found for the flag to be of use; verdicts say that these weights cannot tell"
