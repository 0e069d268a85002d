"""``maskdcpt finetune``: training for restoration, from pre-trained weights or from scratch."""

from __future__ import annotations

from dataclasses import dataclass

from maskdcpt.cli.recipe import RunOptions, conclude, read_command, reported
from maskdcpt.training import FinetuneConfig, finetune


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions, FinetuneConfig):
    """Trains a network to restore."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    folder, config = read_command("finetune", Options, FinetuneConfig, argv)
    with reported(folder):
        weights = finetune(config, folder)
    return conclude(folder, weights, f"maskdcpt restore PHOTO RESTORED-PHOTO --weights {folder}")
