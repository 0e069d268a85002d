"""Pre-training: from the features of a damaged image, half of it hidden, name the damage and rebuild the clean image.

MaskDCPT (arXiv 2510.13282) and, by ``PretrainConfig.method``, what it is compared with.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from maskdcpt.backbones import build_backbone
from maskdcpt.data import Batch
from maskdcpt.errors import UserError
from maskdcpt.masking import STYLES, VisibleMask
from maskdcpt.pretraining import (
    METHODS,
    ClassificationDecoder,
    PretrainingModel,
    ReconstructionDecoder,
    classifier_channels,
    pretraining_loss,
)
from maskdcpt.seeds import derive_seed
from maskdcpt.training.config import PretrainConfig
from maskdcpt.training.start import train
from maskdcpt.training.trainer import Losses, Minimised


def pretrain(config: PretrainConfig, folder: Path) -> Path:
    """Pre-trains a backbone, or goes on with a run that was interrupted.

    Args:
        config: What to do.
        folder: Folder of the run.

    Returns:
        The folder with the final weights of backbone and classifier.

    Raises:
        UserError: If the configuration, the data or the folder does not allow it.
        Preempted: If the process was asked to stop.
    """
    model, minimised = pretraining(config)
    # Without a reconstruction nothing behind the last feature that the classifier reads gets a gradient.
    unused = METHODS[config.method].rebuilds_from is None
    return train(folder, config, model, minimised, title="pre-training", unused=unused)


def pretraining(config: PretrainConfig) -> tuple[PretrainingModel, Minimised]:
    """What is pre-trained, with its initial weights, and what is minimised.

    Args:
        config: What to do.

    Raises:
        UserError: If crop, patch and network do not fit together.
    """
    method = METHODS[config.method]
    model = _build(config)
    grid = _grid(config, _stride(model)) if method.masked else None

    def minimised(model: nn.Module, images: Batch, step: int, places: range) -> Losses:
        mask = None if grid is None else _mask(config, grid, step, places).to(images.clean.device)
        outputs = model(images.degraded, mask, images.clean if method.rebuilds_from == "clean" else None)
        total, terms = pretraining_loss(outputs, images.clean, images.label, mask, config.loss)
        return Losses(total, terms, outputs, mask)

    return model, minimised


def _build(config: PretrainConfig) -> PretrainingModel:
    method = METHODS[config.method]
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed("weights", config.train.seed))
        backbone = build_backbone(config.backbone)
        classifier = decoder = None
        if method.classifies:
            channels = classifier_channels(backbone, config.classifier.features)
            classifier = ClassificationDecoder(
                channels, config.data.classes, config.classifier, multi_label=config.data.labels == "multi"
            )
        if config.decoder.tokens:
            decoder = ReconstructionDecoder(backbone.feature_info, config.mask.patch, config.decoder)
        return PretrainingModel(backbone, classifier, decoder, method)


def _stride(model: PretrainingModel) -> int:
    # The classifier halves the finest features once a stage.
    features = model.backbone.feature_info
    return math.lcm(model.backbone.stride, features[0].stride * 2 ** len(features) if model.classifier else 1)


def _grid(config: PretrainConfig, stride: int) -> tuple[int, int]:
    if config.data.crop % config.mask.patch or config.mask.patch % stride:
        raise UserError(
            f"data.crop is {config.data.crop} and mask.patch {config.mask.patch}; a crop is a whole number of patches, "
            f"and a patch a multiple of {stride}, the stride of network and classifier"
        )
    cells = config.data.crop // config.mask.patch
    return cells, cells


def _mask(config: PretrainConfig, grid: tuple[int, int], step: int, places: range) -> VisibleMask:
    # Drawn for the whole batch, so that an image's mask does not depend on how the batch is divided.
    generator = torch.Generator().manual_seed(derive_seed("mask", config.train.seed, step))
    mask = STYLES[config.mask.style](config.train.batch, grid, config.mask.ratio, generator=generator)
    return VisibleMask(mask.visible[places.start : places.stop])
