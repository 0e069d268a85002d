"""What a run is as a whole, beside its rows."""

from __future__ import annotations

from dataclasses import dataclass

RUNS = "runs.csv"
"""File of what runs are as a whole, in a folder of results."""


@dataclass(frozen=True)
class RunFacts:
    """One run."""

    family: str
    """Name of the network."""
    arm: str
    """Name of the way that it was trained in."""
    seed: int
    """Of the run."""
    begins_with: str
    """The arm whose pre-training it begins with, empty for its own or none."""
    parameters: int
    """Weights of the network."""
    pretraining_steps: int
    """Optimiser steps."""
    finetuning_steps: int
    """Optimiser steps."""
    pretraining_flops: int
    """Arithmetic of a step, counted."""
    finetuning_flops: int
    """Arithmetic of a step, counted."""
    plain_flops: int
    """Arithmetic of a step of plain training, counted."""
    pretraining_seconds: float
    """Of a step, measured."""
    finetuning_seconds: float
    """Of a step, measured."""
    probe_entering: float
    """Share of images whose damage logistic regression names rightly from features, on entering fine-tuning."""
    probe_final: float
    """The same after it."""

    @property
    def run(self) -> tuple[str, str, int]:
        """Network, arm and seed."""
        return self.family, self.arm, self.seed

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.pretraining_steps + self.finetuning_steps

    @property
    def flops(self) -> int:
        """Arithmetic in all."""
        return self.flops_at(self.steps)

    def flops_at(self, step: int) -> int:
        """Arithmetic of so many steps."""
        first = min(step, self.pretraining_steps)
        return first * self.pretraining_flops + (step - first) * self.finetuning_flops


@dataclass(frozen=True)
class CurvePoint:
    """Mean PSNR on the embedded test images at a step of fine-tuning."""

    family: str
    """Name of the network."""
    arm: str
    """Name of the way that it was trained in."""
    seed: int
    """Of the run."""
    step: int
    """Steps of both parts so far."""
    psnr: float
    """In dB."""


@dataclass(frozen=True)
class NamingPoint:
    """How well pre-training names the damage of training images at a step."""

    family: str
    """Name of the network."""
    arm: str
    """Name of the way that it was trained in."""
    seed: int
    """Of the run."""
    step: int
    """Steps so far."""
    accuracy: float
    """Share that was named rightly: the mean of the rows of ``metrics.jsonl`` since the point before."""
