"""Training for restoration: nothing hidden, the restored image against the clean one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.backbones import build_backbone
from maskdcpt.data import Batch
from maskdcpt.errors import UserError
from maskdcpt.pretraining import RestorationModel, classification_terms, load_model, psnr_loss
from maskdcpt.seeds import derive_seed
from maskdcpt.training.checkpoint import newest_checkpoint
from maskdcpt.training.config import FinetuneConfig, RestorationLossConfig
from maskdcpt.training.start import train
from maskdcpt.training.trainer import Losses, Minimised


def finetune(config: FinetuneConfig, folder: Path) -> Path:
    """Trains a network to restore, or goes on with a run that was interrupted.

    A classifier that comes with the initial weights is kept up to date, if it is to be kept: it learns from the
    features as they change, and its gradient reaches the network as far as ``loss.naming`` says.

    Args:
        config: What to do.
        folder: Folder of the run.

    Returns:
        The folder with the final weights.

    Raises:
        UserError: If the configuration, the data or the folder does not allow it.
        Preempted: If the process was asked to stop.
    """
    # A run with a checkpoint goes on from it and needs the weights it once started from no longer.
    model, minimised = finetuning(config, newest_checkpoint(folder) or config.init)
    title = "fine-tuning" if config.init else "from scratch"
    resolved = dataclasses.replace(config, backbone=model.backbone.config)
    return train(folder, resolved, model, minimised, title=title)


def finetuning(config: FinetuneConfig, start: Path | str | None) -> tuple[RestorationModel, Minimised]:
    """What is trained for restoration, with its initial weights, and what is minimised.

    Args:
        config: What to do.
        start: Weights to start from; None for fresh ones.

    Raises:
        UserError: If the weights cannot be read, or their classifier knows other classes.
    """
    model = _build(config, start)
    restoration = restoration_loss(config.loss)

    def minimised(model: nn.Module, images: Batch, step: int, places: range) -> Losses:
        outputs = model(images.degraded)
        total = restoration(outputs.image, images.clean)
        with torch.no_grad():
            psnr = -psnr_loss(outputs.image, images.clean)
        terms = {"restoration": total, "psnr": psnr}
        if outputs.logits is not None:
            terms |= classification_terms(outputs.logits, images.label)
            total = total + terms["classification"]
        return Losses(total, terms, outputs, None)

    return model, minimised


def restoration_loss(config: RestorationLossConfig) -> Callable[[Tensor, Tensor], Tensor]:
    """Restored and clean images to what is minimised."""
    return F.l1_loss if config.name == "l1" else partial(psnr_loss, floor=config.floor)


def _build(config: FinetuneConfig, start: Path | str | None) -> RestorationModel:
    if start is None:
        with torch.random.fork_rng():
            torch.manual_seed(derive_seed("weights", config.train.seed))
            backbone, classifier = build_backbone(config.backbone), None
    else:
        backbone, classifier = load_model(start)
    if not config.keep_classifier:
        classifier = None
    if classifier is None and config.loss.naming:
        raise UserError("loss.naming needs a classifier: name weights that have one by --init, and keep it")
    if classifier is not None and classifier.classes != config.data.classes:
        raise UserError(
            f"{start}: its classifier knows {', '.join(classifier.classes)}, and the classes of data are "
            f"{', '.join(config.data.classes)}; name the same types in the same order, or do without it by "
            "--no-keep-classifier"
        )
    if classifier is not None and classifier.multi_label != (config.data.labels == "multi"):
        raise UserError(
            f"{start}: its classifier names {'several types' if classifier.multi_label else 'one type'} of an image, "
            f"and data.labels is {config.data.labels!r}; change that, or do without it by --no-keep-classifier"
        )
    return RestorationModel(backbone.train(), classifier and classifier.train(), config.loss.naming)
