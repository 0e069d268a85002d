"""The decoder that names the type of damage from a backbone's stage features, never from the image.

MaskDCPT (arXiv 2510.13282) section 3: features of the latter half of the network enter a residual network level by
level, each scaled by a learned weight; batch norm is replaced by layer norm. The weights' names are those of the
published decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.config import configuration
from maskdcpt.errors import UserError
from maskdcpt.masking import EVERYTHING, LayerNorm2d, View
from maskdcpt.pretraining.classifier import Classifier
from maskdcpt.pretraining.features import FeatureChoice


@configuration
class ClassifierConfig:
    """Size of the classification decoder; the default is the published one."""

    blocks: int = 2
    """Bottleneck blocks per level."""
    expansion: float = 2.0
    """Channels inside a bottleneck, as a multiple of the channels outside."""
    features: FeatureChoice = "latter-half"
    """Which stages of the backbone it reads: those of the latter half as in the paper, the last alone, or all. The
    paper says that the last alone starves the layers before it, and that all dilute what the latter ones mean."""

    def __post_init__(self) -> None:
        if self.blocks < 1 or self.expansion <= 0:
            raise UserError(
                f"a classifier needs 1 block or more and a positive expansion, not {self.blocks} and {self.expansion}"
            )


def _conv1x1(inputs: int, outputs: int) -> nn.Conv2d:
    convolution = nn.Conv2d(inputs, outputs, 1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution


class ConvNorm(nn.Conv2d):
    """A convolution without bias followed by layer norm over the channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        self.norm = LayerNorm2d(outputs, eps=1e-6)


class Bottleneck(nn.Module):
    """Residual block: 1x1 to the inner width, 3x3, 1x1 back."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, inner, 1)
        self.conv2 = ConvNorm(inner, inner, 3)
        self.conv3 = ConvNorm(inner, channels, 1)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        y = F.relu(self.conv1.norm(self.conv1(x)))
        y = F.relu(self.conv2.norm(view.mix(self.conv2, y)))
        return F.relu(x + self.conv3.norm(self.conv3(y)))


class ClassificationDecoder(Classifier):
    """From the features of a backbone to one logit per type of damage, by a residual network.

    Args:
        channels: Channels of the features, fine to coarse; each feature has half the resolution of the one before, or
            more, of which the finer part is left out.
        classes: Names of the types, in the order of the logits.
        config: Size.
        multi_label: Whether an image may be damaged in several of these ways at once, so that each logit stands alone.
    """

    kind = "network"
    config: ClassifierConfig

    def __init__(
        self, channels: Sequence[int], classes: Sequence[str], config: ClassifierConfig, *, multi_label: bool = False
    ) -> None:
        super().__init__(classes, config, multi_label=multi_label)
        self.mixing_weights = nn.Parameter(torch.ones(len(channels)))
        self.bottleneck_layers = nn.ModuleList(self._level(c) for c in channels)
        self.downsample_layers = nn.ModuleList(
            nn.Sequential(_conv1x1(c, after), nn.MaxPool2d(2), nn.ReLU())
            for c, after in pairwise([*channels, channels[-1]])
        )
        self.last_stage = self._level(channels[-1])
        self.fc = nn.Linear(channels[-1], len(self.classes))

    def _level(self, channels: int) -> nn.ModuleList:
        inner = max(1, round(channels * self.config.expansion))
        return nn.ModuleList(Bottleneck(channels, inner) for _ in range(self.config.blocks))

    @property
    def reach(self) -> int:
        """See the base class."""
        return self.config.blocks * ((2 << len(self.mixing_weights)) - 1)

    @property
    def unit(self) -> int:
        """See the base class: every level halves the resolution."""
        return 1 << len(self.mixing_weights)

    def name(self, evidence: Tensor) -> Tensor:
        """See the base class."""
        return self.fc(evidence)  # type: ignore[no-any-return]

    def positions(self, features: Sequence[Tensor], view: View) -> Tensor:
        """See the base class."""
        z = torch.zeros_like(view.enter(features[0]))
        height, width = features[0].shape[-2:]
        weights = self.mixing_weights.softmax(0)
        for weight, feature, blocks, down in zip(
            weights, features, self.bottleneck_layers, self.downsample_layers, strict=True
        ):
            # Where a network keeps its resolution (SwinIR), every second position is left out, then every fourth ...
            step = feature.shape[-2] // height
            z = z + weight * view.enter(feature[..., ::step, ::step])
            z = self._run(blocks, z, view)
            height, width = height // 2, width // 2
            view.visible((height, width))  # refuses a mask whose patches would be cut by the next line
            z = down(z)  # half the sides, channels of the next level
        return self._run(self.last_stage, z, view)

    @staticmethod
    def _run(blocks: nn.Module, x: Tensor, view: View) -> Tensor:
        for block in blocks.children():
            x = block(x, view)
        return x
