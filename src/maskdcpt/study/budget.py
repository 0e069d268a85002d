"""How many steps of each kind a run takes, so that all cost the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from maskdcpt.data import Batch
from maskdcpt.pretraining import PretrainingModel, RestorationModel, save_model
from maskdcpt.training import FinetuneConfig, PretrainConfig
from maskdcpt.training.finetune import finetuning
from maskdcpt.training.pretrain import pretraining

GRADIENT = 2
"""Arithmetic of a gradient, in that of the pass that it is of: one product for the input and one for the weights."""


class Cost(NamedTuple):
    """Arithmetic of steps, in floating-point operations, two for each multiplication with an addition."""

    pretraining: int
    """Of a step of pre-training; 0 where there is none."""
    finetuning: int
    """Of a step of fine-tuning, with the classifier that reads along where pre-training leaves one."""
    plain: int
    """Of a step of the study's own fine-tuning, without a classifier."""


class Steps(NamedTuple):
    """Optimiser steps of a run."""

    pretraining: int
    """Before fine-tuning."""
    finetuning: int
    """Of fine-tuning."""


def count_cost(first: PretrainConfig | None, second: FinetuneConfig, plain: FinetuneConfig) -> Cost:
    """Counts the arithmetic of training steps by taking the passes forward once, on noise.

    A gradient counts as two such passes. What PyTorch counts for gradients itself is wrong for depthwise
    convolutions, which it takes for full ones.

    Args:
        first: Pre-training; None for none.
        second: Fine-tuning.
        plain: Fine-tuning that the budget is counted in.

    Raises:
        UserError: If crop, patch and network do not fit together.
    """
    unit = _plain(replace(plain, init=None, loss=replace(plain.loss, naming=0.0)))
    if first is None:
        return Cost(0, _plain(second), unit)
    model, minimised = pretraining(first)
    with TemporaryDirectory() as folder:
        save_model(Path(folder), model.backbone, model.classifier)
        tuned = _step(*finetuning(second, folder), second)
    return Cost(_step(model, minimised, first), tuned, unit)


def divide(steps: int, share: float, cost: Cost | None = None) -> Steps:
    """Divides a budget between pre-training and fine-tuning.

    Args:
        steps: Plain steps that the budget is worth.
        share: Part of the budget for pre-training.
        cost: What steps cost, where the arithmetic is what has to be equal; without it each step counts as one.
    """
    if cost is None:
        before = round(steps * share)
        return Steps(before, steps - before)
    budget = steps * cost.plain
    before = round(share * budget / cost.pretraining) if share else 0
    return Steps(before, round((1 - share) * budget / cost.finetuning))


@lru_cache  # most arms of a study have the same
def _plain(config: FinetuneConfig) -> int:
    return _step(*finetuning(config, None), config)


def _step(
    model: PretrainingModel | RestorationModel,
    minimised: Callable[..., Any],
    config: PretrainConfig | FinetuneConfig,
) -> int:
    # One image stands for all: each has as many visible patches.
    side, classes = config.data.crop, len(config.data.classes)
    noise = torch.rand(2, 1, 3, side, side, generator=torch.Generator().manual_seed(0))
    label = torch.zeros(1, classes) if config.data.labels == "multi" else torch.zeros(1, dtype=torch.int64)
    batch = Batch(noise[0], noise[1], label, torch.zeros(1, dtype=torch.int64))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        minimised(model, batch, 0, range(1))
    return (1 + GRADIENT) * config.train.batch * int(counter.get_total_flops())
