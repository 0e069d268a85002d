"""What is trained: a backbone with the decoders of pre-training, or with a classifier that follows its fine-tuning."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from maskdcpt.backbones import Backbone, Features
from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining.classifier import Classifier
from maskdcpt.pretraining.features import classifier_features
from maskdcpt.pretraining.method import METHODS, Method
from maskdcpt.pretraining.reconstruct import ReconstructionDecoder


class Outputs(NamedTuple):
    """What a model makes of damaged images."""

    image: Tensor | None
    """The restored or reconstructed images (N, 3, H, W), not clamped; None where a method rebuilds none."""
    logits: Tensor | None
    """Scores of the types of damage (N, classes); None without a classifier."""


class PretrainingModel(nn.Module):
    """A backbone from whose features decoders name the damage and rebuild the image.

    MaskDCPT does both in one forward pass through the masked network. Its reconstruction decoder is the backbone's own
    head, as in the published networks, so that its weights too go on into fine-tuning. Unlike there it corrects the
    visible input instead of replacing it, which is its role ever after; hidden patches come out zero, and their share
    of the L1 loss has no gradient. With a ``decoder``, hidden patches come from that instead.

    Args:
        backbone: The network to pre-train.
        classifier: Reads its stage features; None for a method that names nothing.
        decoder: Rebuilds hidden patches, which the paper does not do; None to leave them zero.
        method: What is rebuilt, and from what.
    """

    def __init__(
        self,
        backbone: Backbone,
        classifier: Classifier | None,
        decoder: ReconstructionDecoder | None = None,
        method: Method = METHODS["maskdcpt"],
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.decoder = decoder
        self.method = method

    def forward(self, damaged: Tensor, mask: VisibleMask | None = None, clean: Tensor | None = None) -> Outputs:
        """Runs the network on damaged images.

        Args:
            damaged: (N, 3, H, W).
            mask: What is hidden of them.
            clean: The images before the damage, for methods that rebuild from them.

        Raises:
            UserError: If the method rebuilds from clean images and there are none.
        """
        which = self.classifier.config.features if self.classifier else "latter-half"
        features = self.backbone.forward_features(damaged, mask, early=which == "all")
        logits = None
        if self.classifier is not None:
            logits = self.classifier(classifier_features(features, self.backbone, which), mask)
        if self.method.rebuilds_from is None:
            return Outputs(None, logits)
        if self.method.rebuilds_from == "clean":
            if clean is None:
                raise UserError("this method rebuilds clean images from themselves, and needs them")
            return Outputs(self.backbone(clean), logits)
        return Outputs(self._rebuild(features, damaged, mask), logits)

    def _rebuild(self, features: Features, damaged: Tensor, mask: VisibleMask | None) -> Tensor:
        image = self.backbone.forward_head(features, damaged, mask)
        if self.decoder is None or mask is None:
            return image
        size = damaged.shape[-2], damaged.shape[-1]
        return torch.where(mask.at(size), image, self.decoder(features.stages, mask, size))


class RestorationModel(nn.Module):
    """A backbone that restores, with or without a classifier that reads along.

    The classifier sees the features but its gradient stops there: it learns to follow the backbone through
    fine-tuning, and cannot change how the backbone restores. With ``naming`` a share of its gradient goes on.

    Args:
        backbone: The network.
        classifier: The decoder of its pre-training, or None.
        naming: Factor of the classifier's gradient where it enters the backbone.
    """

    def __init__(self, backbone: Backbone, classifier: Classifier | None, naming: float = 0.0) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.naming = naming

    def forward(self, damaged: Tensor) -> Outputs:
        """Restores damaged images (N, 3, H, W)."""
        features = self.backbone.forward_features(
            damaged, early=self.classifier is not None and self.classifier.config.features == "all"
        )
        image = self.backbone.forward_head(features, damaged)
        if self.classifier is None:
            return Outputs(image, None)
        read = classifier_features(features, self.backbone, self.classifier.config.features)
        return Outputs(image, self.classifier([self._entered(feature) for feature in read]))

    def _entered(self, feature: Tensor) -> Tensor:
        """The same values, with a gradient that is ``naming`` times as strong."""
        fixed = feature.detach()
        return fixed + self.naming * (feature - fixed) if self.naming else fixed
