"""Training for restoration: nothing hidden, the restored image against the clean one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdcpt.backbones import build_backbone
from maskdcpt.data import training_batches, training_images
from maskdcpt.devices import find_device
from maskdcpt.errors import UserError
from maskdcpt.pretraining import RestorationModel, focal_loss, load_model, psnr_loss
from maskdcpt.seeds import derive_seed
from maskdcpt.training.checkpoint import checkpoints
from maskdcpt.training.config import FinetuneConfig
from maskdcpt.training.run import open_run
from maskdcpt.training.trainer import Trainer

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"l1": F.l1_loss, "psnr": psnr_loss}
"""Restored and clean images to what is minimised, by ``RestorationLossConfig.name``."""


def finetune(config: FinetuneConfig, folder: Path) -> Path:
    """Trains a network to restore, or goes on with a run that was interrupted.

    A classifier that comes with the initial weights is kept up to date: it learns from the features as they change,
    and its gradient never reaches the network.

    Args:
        config: What to do.
        folder: Folder of the run.

    Returns:
        The folder with the final weights.

    Raises:
        UserError: If the configuration, the data or the folder does not allow it.
    """
    find_device(config.train.device)  # before anything is written
    images = training_images(config.data)
    # A run with a checkpoint goes on from it and needs the weights it once started from no longer.
    model = _build(config, next(reversed(checkpoints(folder)), None) or config.init)
    config = dataclasses.replace(config, backbone=model.backbone.config)
    with open_run(folder, config, images.names) as run:
        groups = [{"params": list(model.backbone.parameters()), "peak_lr": config.train.lr}]
        if model.classifier is not None:
            groups.append({"params": list(model.classifier.parameters()), "peak_lr": config.train.decoder_lr})
        trainer = Trainer(run, config.train, model, groups, title="fine-tuning" if config.init else "from scratch")
        batches = training_batches(
            images,
            config.data,
            batch=config.train.batch,
            steps=trainer.remaining,
            seed=derive_seed("fine-tuning", config.train.seed),
        )
        minimised = LOSSES[config.loss.name]
        for _, batch in trainer.steps(batches):
            outputs = trainer.model(batch.degraded)
            restoration = minimised(outputs.image, batch.clean)
            with torch.no_grad():
                psnr = -psnr_loss(outputs.image, batch.clean)
            loss, terms = restoration, {"restoration": restoration, "psnr": psnr}
            if outputs.logits is not None:
                classification = focal_loss(outputs.logits, batch.label)
                loss = restoration + classification
                terms["classification"] = classification
                terms["accuracy"] = (outputs.logits.argmax(1) == batch.label).float().mean()
            trainer.update(loss, terms)
        return checkpoints(run)[-1]


def _build(config: FinetuneConfig, start: Path | str | None) -> RestorationModel:
    if start is None:
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed("weights", config.train.seed))
            return RestorationModel(build_backbone(config.backbone), None)
    backbone, classifier = load_model(start)
    if classifier is not None and classifier.classes != config.data.types:
        raise UserError(
            f"{start}: its classifier knows {', '.join(classifier.classes)}, and data.types is "
            f"{', '.join(config.data.types)}; name the same types in the same order"
        )
    return RestorationModel(backbone.train(), classifier and classifier.train())
