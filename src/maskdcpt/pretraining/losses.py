"""What training minimises besides the mean absolute error: focal loss for types of damage, PSNR for images."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

PSNR_FLOOR = 1e-6
"""Mean squared error that ``psnr_loss`` adds, which limits it to 60 dB and its gradient at a perfect match to zero."""


def focal_loss(logits: Tensor, labels: Tensor, gamma: float = 2.0) -> Tensor:
    """Cross-entropy that fades for examples the classifier is already sure of.

    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, equation 4: the mean over the batch of
    ``-(1 - p)^gamma log p``, where p is the probability of the true class.

    Args:
        logits: (N, classes).
        labels: True classes (N,), integers.
        gamma: How fast it fades; 0 is plain cross-entropy, the predecessor DCPT uses 2.
    """
    log_p = -F.cross_entropy(logits, labels, reduction="none")
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


def psnr_loss(images: Tensor, targets: Tensor) -> Tensor:
    """The negative PSNR in dB, averaged over the batch: ``10 log10(mean squared error)`` of each image.

    NAFNet's own training loss (Chen et al., ECCV 2022). The mean absolute error weighs every grey level of error the
    same, so that images with little damage hardly count; here a tenth more error costs the same on every image.

    Args:
        images: (N, C, H, W) with values around [0, 1], not clamped.
        targets: The same shape, in [0, 1].
    """
    squared = (images - targets).square().mean((1, 2, 3))
    return 10 * (squared + PSNR_FLOOR).log10().mean()
