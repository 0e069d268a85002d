"""What a training run is made of. A recipe file has one table per section; a dotted option overrides one entry."""

from __future__ import annotations

import math
from typing import Literal

from maskdcpt.backbones import BackboneConfig, NAFNetConfig
from maskdcpt.config import configuration
from maskdcpt.data import DataConfig
from maskdcpt.errors import require
from maskdcpt.pretraining import ClassifierConfig


@configuration
class MaskConfig:
    """What pre-training hides."""

    patch: int = 16
    """Side of a patch in pixels; a multiple of the network's stride."""
    ratio: float = 0.5
    """Share of hidden patches."""

    def __post_init__(self) -> None:
        require("mask.patch", self.patch, 1, math.inf)
        require("mask.ratio", self.ratio, 0, 1 - 1e-12)


@configuration
class LossConfig:
    """Weights of the pre-training loss ``alpha * L1 + focal``."""

    alpha: float = 1.0
    """Weight of the reconstruction term; the paper takes 1."""
    gamma: float = 2.0
    """Focusing exponent of the classification term; the predecessor DCPT takes 2."""

    def __post_init__(self) -> None:
        require("loss.alpha", self.alpha, 0, 1e30)
        require("loss.gamma", self.gamma, 0, 1e30)


@configuration
class RestorationLossConfig:
    """The loss of training for restoration."""

    name: Literal["l1", "psnr"] = "l1"
    """Mean absolute error, as in the paper, or negative PSNR, as NAFNet was first trained."""


@configuration
class TrainConfig:
    """The optimisation itself."""

    steps: int = 1000
    """Optimiser steps in all."""
    batch: int = 8
    """Images per step."""
    lr: float = 1e-3
    """Peak learning rate of the backbone."""
    decoder_lr: float = 1e-3
    """Peak learning rate of the classification decoder."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Course of the learning rate after the warm-up: down to ``final_lr`` of its peak along a cosine, or level."""
    final_lr: float = 1e-3
    """Where the cosine ends, as a share of the peak."""
    warmup: int = 0
    """Steps over which the learning rate rises linearly from zero."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of AdamW's running means of gradient and squared gradient."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    clip: float = 1.0
    """Largest norm of the gradient of the backbone, and of the classifier; longer ones are scaled down to it."""
    ema: float = 0.999
    """Decay of the running mean of the weights, which is what is saved and used; it warms up over the first steps."""
    seed: int = 0
    """Decides initial weights, samples, degradations and masks."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; ``auto`` is CUDA where present, else the CPU."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Number format of the forward pass."""
    log_every: int = 20
    """Steps between two rows of ``metrics.jsonl``."""
    checkpoint_every: int = 200
    """Steps between two checkpoints; an interrupted run repeats at most this many."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every", "checkpoint_every"):
            require(f"train.{name}", getattr(self, name), 1, math.inf)
        for name in ("lr", "decoder_lr", "clip"):
            require(f"train.{name}", getattr(self, name), 1e-30, 1e30)
        require("train.final_lr", self.final_lr, 0, 1)
        require("train.warmup", self.warmup, 0, math.inf)
        require("train.weight_decay", self.weight_decay, 0, 1e30)
        for decay in (*self.betas, self.ema):
            require("train.betas and train.ema", decay, 0, 1 - 1e-12)


@configuration
class PretrainConfig:
    """Masked degradation classification pre-training."""

    backbone: BackboneConfig = NAFNetConfig()
    """The network."""
    classifier: ClassifierConfig = ClassifierConfig()
    """The decoder that names the damage."""
    data: DataConfig = DataConfig()
    """What is shown."""
    mask: MaskConfig = MaskConfig()
    """What is hidden."""
    loss: LossConfig = LossConfig()
    """What is minimised."""
    train: TrainConfig = TrainConfig()
    """How."""


@configuration
class FinetuneConfig:
    """Training for restoration, from pre-trained weights or from scratch."""

    init: str | None = None
    """Folder of weights or of a run, or file of weights, to start from; without it the network starts from scratch."""
    backbone: BackboneConfig = NAFNetConfig()
    """The network, when it starts from scratch; otherwise the weights say it."""
    data: DataConfig = DataConfig()
    """What is shown."""
    loss: RestorationLossConfig = RestorationLossConfig()
    """What is minimised."""
    train: TrainConfig = TrainConfig()
    """How it is minimised."""
