"""``maskdcpt fit-classifier``: teaching weights that restore to name damage."""

from __future__ import annotations

from dataclasses import dataclass

from maskdcpt.cli.recipe import RunOptions, read_command
from maskdcpt.files import read_json
from maskdcpt.training import ClassifierFitConfig, fit_classifier
from maskdcpt.training.classifier import ACCURACY


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions, ClassifierFitConfig):
    """Teaches weights that restore to name damage, without changing how they restore."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    folder, config = read_command("classifier", Options, ClassifierFitConfig, argv, "fit-classifier")
    weights = fit_classifier(config, folder)
    accuracy = read_json(folder / ACCURACY)
    print(f"weights: {weights}")
    print(
        f"named rightly: {accuracy['aside']:.1%} of {accuracy['samples']} samples kept aside, "
        f"{accuracy['learned']:.1%} of those learned from"
    )
    print(f"next:    maskdcpt calibrate {folder}")
    return 0
