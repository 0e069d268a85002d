"""What pre-training minimises: ``alpha * L1 + focal``, each term of which a method may leave out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from maskdcpt.config import configuration
from maskdcpt.errors import require
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining.losses import PixelChoice, focal_loss, multi_label_focal_loss, pixel_l1
from maskdcpt.pretraining.model import Outputs


@configuration
class LossConfig:
    """Parts and weights of the pre-training loss ``alpha * L1 + focal``."""

    alpha: float = 1.0
    """Weight of the reconstruction term; the paper takes 1."""
    pixels: PixelChoice = "all"
    """Pixels that the reconstruction is judged on; the paper takes all, though without ``decoder.tokens`` the hidden
    ones add a constant that nothing can change. ``hidden`` needs ``decoder.tokens``."""
    gamma: float = 2.0
    """Focusing exponent of the classification term; 0 is cross-entropy. The paper does not tell its own, and its
    predecessor DCPT takes 2."""
    class_weights: tuple[float, ...] = ()
    """Weight of each class in the classification term, in the order of the classes; empty, as in the predecessor, for
    equal ones."""

    def __post_init__(self) -> None:
        require("loss.alpha", self.alpha, 0, 1e30)
        require("loss.gamma", self.gamma, 0, 1e30)
        for weight in self.class_weights:
            require("loss.class_weights", weight, 0, math.inf)


def pretraining_loss(
    outputs: Outputs, clean: Tensor, label: Tensor, mask: VisibleMask | None, config: LossConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of pre-training, and its terms apart.

    Args:
        outputs: What the model made of the damaged images.
        clean: The images before the damage (N, 3, H, W).
        label: Types of damage, int64 (N,) of one each, or float (N, classes) of 0 and 1 for any number of them.
        mask: What was hidden of the damaged images.
        config: Parts and weights.

    Returns:
        The sum, and ``reconstruction``, ``classification`` and ``accuracy``, as far as the method has them.
    """
    total, terms = torch.zeros((), device=clean.device), dict[str, Tensor]()
    if outputs.image is not None:
        visible = None if mask is None else mask.at((clean.shape[-2], clean.shape[-1]))
        terms["reconstruction"] = pixel_l1(outputs.image, clean, visible, config.pixels)
        total = config.alpha * terms["reconstruction"]
    if outputs.logits is not None:
        terms |= classification_terms(outputs.logits, label, config.gamma, config.class_weights)
        total = total + terms["classification"]
    return total, terms


def classification_terms(
    logits: Tensor, label: Tensor, gamma: float = 2.0, class_weights: tuple[float, ...] = ()
) -> dict[str, Tensor]:
    """Focal loss and accuracy of a classifier.

    Args:
        logits: (N, classes).
        label: As for ``pretraining_loss``.
        gamma: Focusing exponent.
        class_weights: One a class, or none.

    Returns:
        ``classification``, and ``accuracy``: the share of images of which everything is named rightly.
    """
    weights = torch.tensor(class_weights, device=logits.device) if class_weights else None
    if label.is_floating_point():
        loss = multi_label_focal_loss(logits, label, gamma, weights)
        right = ((logits > 0) == (label > 0)).all(1)
    else:
        loss = focal_loss(logits, label, gamma, weights)
        right = logits.argmax(1) == label
    return {"classification": loss, "accuracy": right.float().mean()}
