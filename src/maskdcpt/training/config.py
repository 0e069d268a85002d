"""What a training run is made of. A recipe file has one table per section; a dotted option overrides one entry."""

from __future__ import annotations

import math
from typing import Literal

from maskdcpt.backbones import BackboneConfig, NAFNetConfig
from maskdcpt.config import configuration
from maskdcpt.data import DataConfig
from maskdcpt.errors import UserError, require
from maskdcpt.pretraining import METHODS, ClassifierConfig, LossConfig, MethodName, ReconstructionConfig
from maskdcpt.pretraining.losses import PSNR_FLOOR
from maskdcpt.training.validation import ValidationConfig

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
"""What a run may be told to compute on."""


@configuration
class MaskConfig:
    """What pre-training hides; methods that hide nothing do not look at it."""

    patch: int = 16
    """Side of a patch in pixels; a multiple of the network's stride. The paper finds 16 best of 1, 4, 16 and 32."""
    ratio: float = 0.5
    """Share of hidden patches. The paper finds 0.5 best of 0, 0.25, 0.5 and 0.75."""
    style: Literal["random", "block", "square"] = "random"
    """Scattered patches, which the paper finds best; blocks of them as in BEiT; or one square as in SimMIM."""

    def __post_init__(self) -> None:
        require("mask.patch", self.patch, 1, math.inf)
        require("mask.ratio", self.ratio, 0, 1, below=True)


@configuration
class RestorationLossConfig:
    """The loss of training for restoration."""

    name: Literal["l1", "psnr"] = "l1"
    """Mean absolute error, as in the paper, or negative PSNR, as NAFNet was first trained."""
    floor: float = PSNR_FLOOR
    """Mean squared error that is added before the PSNR is taken, so that images with less error than that count less.
    Where some images have hardly any damage, 1e-3 (30 dB) keeps them from outweighing all others."""
    naming: float = 0.0
    """Weight with which naming the damage shapes the network too, which the paper does not do; at 0 the classifier
    reads along and changes nothing."""

    def __post_init__(self) -> None:
        require("loss.floor", self.floor, 1e-12, 1)
        require("loss.naming", self.naming, 0, 1e30)
        if self.name != "psnr" and self.floor != PSNR_FLOOR:
            raise UserError(f"loss.floor belongs to the loss 'psnr', and loss.name is {self.name!r}")


@configuration
class TrainConfig:
    """The optimisation itself."""

    steps: int = 1000
    """Optimiser steps in all."""
    batch: int = 8
    """Images per step over all devices; a step is the same whatever their number."""
    device_batch: int | None = None
    """Most images that one device computes at once; a larger share is computed piece by piece and its gradients added
    up. Without it the whole share at once."""
    lr: float = 1e-3
    """Peak learning rate of the backbone."""
    decoder_lr: float = 1e-3
    """Peak learning rate of the decoders."""
    layer_decay: float = 1.0
    """Factor of the backbone's learning rate for each layer farther from its output; 1 for the same everywhere. The
    published code has the switch, the paper does not mention it."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Course of the learning rate after the warm-up: down to ``final_lr`` of its peak along a cosine, or level. The
    paper pre-trains level and fine-tunes along a cosine."""
    final_lr: float = 1e-3
    """Where the cosine ends, as a share of the peak."""
    warmup: int = 0
    """Steps over which the learning rate rises linearly from zero."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of AdamW's running means of gradient and squared gradient."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay of everything but biases, norms and scales."""
    clip: float = 1.0
    """Largest norm of the gradient of the backbone, and of each decoder; longer ones are scaled down to it."""
    ema: float = 0.999
    """Decay of the running mean of the weights, which is what is saved and used; it warms up over the first steps."""
    seed: int = 0
    """Decides initial weights, samples, degradations and masks."""
    device: DeviceName = "auto"
    """Where to train; ``auto`` is CUDA where present, else the CPU."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """How several processes share the model: each holds all of it (``ddp``), or a part of it (``fsdp``), which saves
    memory. It changes no result."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Number format of the forward pass; ``16-mixed`` scales the loss so that small gradients survive."""
    compile: bool = False
    """Whether to compile the network, which takes minutes at the start and may save more later."""
    channels_last: bool = True
    """Whether images and weights lie channels-last in memory, which convolutions are mostly faster with."""
    checkpointing: bool = False
    """Whether to keep less of the forward pass and compute it again for the gradient: less memory, more time."""
    nonfinite: Literal["stop", "skip"] = "stop"
    """What happens when a loss or its gradient is no finite number: the run stops, or the step is left out. The images
    are kept for a look at them either way."""
    log_every: int = 20
    """Steps between two rows of ``metrics.jsonl``."""
    picture_every: int = 200
    """Steps between two pictures of what the network makes of its images."""
    checkpoint_every: int = 200
    """Steps between two checkpoints; an interrupted run repeats at most this many."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "log_every", "picture_every", "checkpoint_every"):
            require(f"train.{name}", getattr(self, name), 1, math.inf)
        if self.device_batch is not None:
            require("train.device_batch", self.device_batch, 1, math.inf)
        for name in ("lr", "decoder_lr", "clip"):
            require(f"train.{name}", getattr(self, name), 1e-30, 1e30)
        require("train.layer_decay", self.layer_decay, 1e-3, 1)
        require("train.final_lr", self.final_lr, 0, 1)
        require("train.warmup", self.warmup, 0, math.inf)
        require("train.weight_decay", self.weight_decay, 0, 1e30)
        for decay in self.betas:
            require("train.betas", decay, 0, 1, below=True)
        require("train.ema", self.ema, 0, 1, below=True)


@configuration
class PretrainConfig:
    """Masked degradation classification pre-training, and the methods it is compared with."""

    method: MethodName = "maskdcpt"
    """What is hidden, rebuilt and named: the paper's ``maskdcpt``; its predecessor ``dcpt``; ``reconstruction`` or
    ``classification`` only; or both without a mask, ``unmasked``."""
    backbone: BackboneConfig = NAFNetConfig()
    """The network."""
    classifier: ClassifierConfig = ClassifierConfig()
    """The decoder that names the damage."""
    decoder: ReconstructionConfig = ReconstructionConfig()
    """The decoder that rebuilds hidden patches."""
    data: DataConfig = DataConfig()
    """What is shown."""
    mask: MaskConfig = MaskConfig()
    """What is hidden."""
    loss: LossConfig = LossConfig()
    """What is minimised."""
    train: TrainConfig = TrainConfig()
    """How."""

    def __post_init__(self) -> None:
        method, tokens = METHODS[self.method], self.decoder.tokens
        if tokens and not (method.masked and method.rebuilds_from):
            raise UserError(f"decoder.tokens rebuilds what a mask hides, and method {self.method!r} does not")
        if self.loss.pixels == "hidden" and not tokens:
            raise UserError("loss.pixels is 'hidden', and without decoder.tokens nothing rebuilds hidden pixels")
        if self.loss.pixels == "hidden" and not self.mask.ratio:
            raise UserError("loss.pixels is 'hidden', and mask.ratio is 0; hide something, or judge all pixels")
        if self.loss.pixels == "visible" and not method.masked:
            raise UserError(f"loss.pixels is 'visible', and method {self.method!r} hides nothing; 'all' is the same")
        weights, classes = len(self.loss.class_weights), len(self.data.classes)
        if weights not in (0, classes):
            raise UserError(f"loss.class_weights has {weights} entries for {classes} classes")


@configuration
class FinetuneConfig:
    """Training for restoration, from pre-trained weights or from scratch."""

    init: str | None = None
    """Folder of weights or of a run, or file of weights, to start from, or ``default`` for the weights of the package;
    without it the network starts from scratch."""
    keep_classifier: bool = True
    """Whether a classifier that comes with the initial weights learns on, for the same types in the same order, so that
    the result can name damage too. The paper drops it."""
    backbone: BackboneConfig = NAFNetConfig()
    """The network, when it starts from scratch; otherwise the weights say it."""
    data: DataConfig = DataConfig()
    """What is shown."""
    loss: RestorationLossConfig = RestorationLossConfig()
    """What is minimised."""
    train: TrainConfig = TrainConfig()
    """How it is minimised."""
    validation: ValidationConfig = ValidationConfig()
    """How it is measured."""
