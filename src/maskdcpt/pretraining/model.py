"""What is trained: a backbone with the decoders of pre-training, or with a classifier that follows its fine-tuning."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from maskdcpt.backbones import Backbone
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining.classify import ClassificationDecoder


class Outputs(NamedTuple):
    """What a model makes of damaged images."""

    image: Tensor
    """The restored or reconstructed images (N, 3, H, W), not clamped."""
    logits: Tensor | None
    """Scores of the types of damage (N, classes); None without a classifier."""


class PretrainingModel(nn.Module):
    """MaskDCPT: one masked forward pass, from whose features two decoders name the damage and rebuild the image.

    The reconstruction decoder is the backbone's own head, as in the published networks, so that its weights too go on
    into fine-tuning. Unlike there it corrects the visible input instead of replacing it, which is its role ever after;
    hidden patches come out zero, and their share of the L1 loss has no gradient.

    Args:
        backbone: The network to pre-train.
        classifier: Reads its stage features.
    """

    def __init__(self, backbone: Backbone, classifier: ClassificationDecoder) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier

    def forward(self, damaged: Tensor, mask: VisibleMask) -> Outputs:
        """Runs the masked network on damaged images (N, 3, H, W)."""
        features = self.backbone.forward_features(damaged, mask)
        image = self.backbone.forward_head(features, damaged, mask)
        return Outputs(image, self.classifier(features.stages, mask))


class RestorationModel(nn.Module):
    """A backbone that restores, with or without a classifier that reads along.

    The classifier sees the features but its gradient stops there: it learns to follow the backbone through
    fine-tuning, and cannot change how the backbone restores.

    Args:
        backbone: The network.
        classifier: The decoder of its pre-training, or None.
    """

    def __init__(self, backbone: Backbone, classifier: ClassificationDecoder | None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier

    def forward(self, damaged: Tensor) -> Outputs:
        """Restores damaged images (N, 3, H, W)."""
        features = self.backbone.forward_features(damaged)
        image = self.backbone.forward_head(features, damaged)
        if self.classifier is None:
            return Outputs(image, None)
        return Outputs(image, self.classifier([stage.detach() for stage in features.stages]))
