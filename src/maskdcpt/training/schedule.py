"""The course of the learning rate."""

from __future__ import annotations

import math

from maskdcpt.training.config import TrainConfig


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """The learning rate of a step as a share of its peak.

    Args:
        step: Number of the step, from 0.
        config: Kind, warm-up and final value.
    """
    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.schedule == "constant":
        return 1.0
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.final_lr + (1 - config.final_lr) * (1 + math.cos(math.pi * progress)) / 2
