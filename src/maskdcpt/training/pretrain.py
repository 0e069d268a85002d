"""Masked degradation classification pre-training (MaskDCPT, arXiv 2510.13282).

Half of the patches of the damaged image are hidden; from the features of the rest one decoder names the type of damage
(focal loss) and another rebuilds the clean image (L1 over all pixels, of which the hidden ones add a constant).
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F

from maskdcpt.backbones import build_backbone
from maskdcpt.data import training_batches, training_images
from maskdcpt.devices import find_device
from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining import ClassificationDecoder, PretrainingModel, focal_loss
from maskdcpt.seeds import derive_seed
from maskdcpt.training.checkpoint import checkpoints
from maskdcpt.training.config import PretrainConfig
from maskdcpt.training.run import open_run
from maskdcpt.training.trainer import Trainer


def pretrain(config: PretrainConfig, folder: Path) -> Path:
    """Pre-trains a backbone, or goes on with a run that was interrupted.

    Args:
        config: What to do.
        folder: Folder of the run.

    Returns:
        The folder with the final weights of backbone and classifier.

    Raises:
        UserError: If the configuration, the data or the folder does not allow it.
    """
    find_device(config.train.device)  # before anything is written
    images = training_images(config.data)
    model = _build(config)
    # The classifier halves the finest features once a stage.
    coarsest = model.backbone.feature_info[0].stride * 2 ** len(model.backbone.feature_info)
    grid = _grid(config, math.lcm(model.backbone.stride, coarsest))
    with open_run(folder, config, images.names) as run:
        groups = [
            {"params": list(model.backbone.parameters()), "peak_lr": config.train.lr},
            {"params": list(model.classifier.parameters()), "peak_lr": config.train.decoder_lr},
        ]
        trainer = Trainer(run, config.train, model, groups, title="pre-training")
        batches = training_batches(
            images,
            config.data,
            batch=config.train.batch,
            steps=trainer.remaining,
            seed=derive_seed("pre-training", config.train.seed),
        )
        for step, batch in trainer.steps(batches):
            generator = torch.Generator().manual_seed(derive_seed("mask", config.train.seed, step))
            mask = VisibleMask.random(config.train.batch, grid, config.mask.ratio, generator=generator)
            outputs = trainer.model(batch.degraded, mask.to(batch.degraded.device))
            reconstruction = F.l1_loss(outputs.image, batch.clean)
            classification = focal_loss(outputs.logits, batch.label, config.loss.gamma)
            trainer.update(
                config.loss.alpha * reconstruction + classification,
                {
                    "reconstruction": reconstruction,
                    "classification": classification,
                    "accuracy": (outputs.logits.argmax(1) == batch.label).float().mean(),
                },
            )
        return checkpoints(run)[-1]


def _build(config: PretrainConfig) -> PretrainingModel:
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed("weights", config.train.seed))
        backbone = build_backbone(config.backbone)
        channels = [info.channels for info in backbone.feature_info]
        return PretrainingModel(backbone, ClassificationDecoder(channels, config.data.types, config.classifier))


def _grid(config: PretrainConfig, stride: int) -> tuple[int, int]:
    if config.data.crop % config.mask.patch or config.mask.patch % stride:
        raise UserError(
            f"data.crop is {config.data.crop} and mask.patch {config.mask.patch}; a crop is a whole number of patches, "
            f"and a patch a multiple of {stride}, the stride of network and classifier"
        )
    cells = config.data.crop // config.mask.patch
    return cells, cells
