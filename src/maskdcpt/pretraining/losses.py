"""The classification term of the pre-training loss; the reconstruction term is the mean absolute error."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


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
