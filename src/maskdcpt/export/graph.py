"""A network and its classifier as one graph, for images of any size."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from maskdcpt.backbones import Backbone
from maskdcpt.masking import EVERYTHING
from maskdcpt.pretraining import Classifier, classifier_features


class Graph(nn.Module):
    """What is exported: everything from the image to the restored image and, with a classifier, to its logits.

    It computes what the network does. Padding and cropping, which there depend on comparisons of sizes that a graph
    cannot hold, are written as looking up rows and columns, which any size allows.

    Args:
        backbone: The network.
        classifier: Its classifier, if it has one.
    """

    def __init__(self, backbone: Backbone, classifier: Classifier | None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """From images (N, 3, H, W) in [0, 1] to the restored ones, not clamped, and to logits (N, types)."""
        height, width = image.shape[-2:]
        rows, columns = (reflected(length, self.backbone.stride) for length in (height, width))
        padded = image.index_select(2, rows).index_select(3, columns)
        early = self.classifier is not None and self.classifier.config.features == "all"
        features = self.backbone.encode(padded, EVERYTHING, early)
        correction = self.backbone.apply_head(features.last)
        restored = image + correction.index_select(2, torch.arange(height)).index_select(3, torch.arange(width))
        if self.classifier is None:
            return (restored,)
        return restored, self.classifier(classifier_features(features, self.backbone, self.classifier.config.features))


def reflected(length: int, stride: int) -> Tensor:
    """Which positions of an axis stand along it when it is padded to a multiple of the stride.

    The same that ``maskdcpt.backbones.base.pad_to`` makes: reflection as far as it reaches, then the border again.

    Args:
        length: Positions along the axis.
        stride: The stride.

    Returns:
        int64 (padded length,), in [0, length).
    """
    position = torch.arange((length + stride - 1) // stride * stride)
    return torch.where(position < length, position, (2 * (length - 1) - position).clamp(min=0))


def trace(backbone: Backbone, classifier: Classifier | None) -> ExportedProgram:
    """Records the graph of a network on the CPU with batch, height and width left open.

    The record itself asks for sides of more than the stride; what is converted from it does not.
    """
    graph = Graph(backbone, classifier).eval()
    # Odd sizes, so that nothing holds for the example alone; two images, since one would count as a constant.
    example = torch.zeros(2, 3, 2 * backbone.stride + 5, 3 * backbone.stride + 3)
    sizes = {"image": dict.fromkeys((0, 2, 3), Dim.DYNAMIC)}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of its own insides
        return torch.export.export(graph, (example,), dynamic_shapes=sizes, strict=False)
