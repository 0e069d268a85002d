"""``maskdcpt pretrain``: masked degradation classification pre-training."""

from __future__ import annotations

from dataclasses import dataclass

from maskdcpt.cli.recipe import RunOptions, conclude, read_command, reported
from maskdcpt.training import PretrainConfig, pretrain


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions, PretrainConfig):
    """Pre-trains a backbone."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    folder, config = read_command("pretrain", Options, PretrainConfig, argv)
    with reported(folder):
        weights = pretrain(config, folder)
    return conclude(folder, weights, f"maskdcpt finetune --init {folder} --run-dir ANOTHER-FOLDER")
