"""What training minimises: focal loss for types of damage, mean absolute error or PSNR for images."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdcpt.errors import UserError

PSNR_FLOOR = 1e-6
"""Mean squared error that ``psnr_loss`` adds unless told otherwise, which limits it to 60 dB."""


def focal_loss(logits: Tensor, labels: Tensor, gamma: float = 2.0, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy that fades for examples the classifier is already sure of.

    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equation 5: the mean over the batch of
    ``-w (1 - p)^gamma log p``, where p is the probability of the true class and w its weight. The mean is not divided
    by the sum of the weights, so that the means of a batch's equal parts average to that of the batch. MaskDCPT does
    not tell its gamma; its predecessor DCPT has 2 and no weights.

    Args:
        logits: (N, classes).
        labels: True classes (N,), integers.
        gamma: How fast it fades; 0 is plain cross-entropy.
        class_weights: A factor for each class (classes,); all are 1 without.
    """
    log_p = -F.cross_entropy(logits, labels, reduction="none")
    # A power below 1 has no finite slope at 0, to which 1 - p is rounded for the surest.
    unsure = (1 - log_p.exp()).clamp_min(torch.finfo(log_p.dtype).tiny)
    weighted = unsure**gamma * log_p
    if class_weights is not None:
        weighted = weighted * class_weights[labels]
    return -weighted.mean()


def multi_label_focal_loss(
    logits: Tensor, targets: Tensor, gamma: float = 2.0, class_weights: Tensor | None = None
) -> Tensor:
    """Focal loss for images that have several types of damage, or none: each class is a question of its own.

    Lin et al., as above, with a sigmoid for each class: ``-w (1 - p)^gamma log p``, where p is the probability of the
    true answer, averaged over the classes and then over the batch. The published method has single labels only.

    Args:
        logits: (N, classes).
        targets: The true answers (N, classes), 1 for each type that an image has and 0 elsewhere.
        gamma: How fast it fades; 0 is plain binary cross-entropy.
        class_weights: A factor for each class (classes,), whichever its answer; all are 1 without.
    """
    towards_truth = torch.where(targets > 0.5, logits, -logits)
    towards_truth = towards_truth.to(torch.promote_types(logits.dtype, torch.float32))
    # The power is taken as a logarithm, which stays finite, and so does its slope, where the probability is 0 or 1.
    losses = -(gamma * F.logsigmoid(-towards_truth)).exp() * F.logsigmoid(towards_truth)
    if class_weights is not None:
        losses = losses * class_weights
    return losses.mean()


PixelChoice: TypeAlias = Literal["all", "visible", "hidden"]
"""Which pixels count in ``pixel_l1``."""


def pixel_l1(images: Tensor, targets: Tensor, visible: Tensor | None, over: PixelChoice = "all") -> Tensor:
    """Mean absolute error over some of the pixels of each image, averaged over the batch.

    MaskDCPT (arXiv 2510.13282) takes all pixels, visible and hidden ones; its network has no means to tell hidden ones,
    which add a constant. Every image counts the same however many of its pixels do, so that the means of a batch's
    equal parts average to that of the batch.

    Args:
        images: (N, C, H, W).
        targets: The same shape.
        visible: Which pixels the network saw, bool (N, 1, H, W); None if all.
        over: ``"all"``, or only the ``"visible"`` or ``"hidden"`` ones. An image that has none of these counts as 0.

    Raises:
        UserError: If hidden pixels are to count and there is no mask.
    """
    if over == "hidden" and visible is None:
        raise UserError("the L1 loss is to be over hidden pixels, but nothing is hidden; it can be over all or visible")
    if over == "all" or visible is None:
        return F.l1_loss(images, targets)
    chosen = visible if over == "visible" else ~visible
    errors = torch.where(chosen, (images - targets).abs(), 0.0)
    counts = chosen.sum((1, 2, 3)).clamp_min(1) * images.shape[1]
    return (errors.sum((1, 2, 3)) / counts).mean()


def psnr_loss(images: Tensor, targets: Tensor, floor: float = PSNR_FLOOR) -> Tensor:
    """The negative PSNR in dB, averaged over the batch: ``10 log10(mean squared error)`` of each image.

    NAFNet's own training loss (Chen et al., ECCV 2022). The mean absolute error weighs every grey level of error the
    same, so that images with little damage hardly count; here a tenth more error costs the same on every image, down to
    a floor. Its gradient grows as the error's root shrinks, so that among images without damage, or with hardly any,
    those with much of it no longer count; a floor near the error that is usual keeps the balance.

    Args:
        images: (N, C, H, W) with values around [0, 1], not clamped.
        targets: The same shape, in [0, 1].
        floor: Mean squared error that is added; it keeps the gradient at a perfect match zero.
    """
    squared = (images - targets).square().mean((1, 2, 3))
    return 10 * (squared + floor).log10().mean()
