"""A classifier that reads statistics of features instead of features: what damage does to texture, in numbers.

Of each channel of each stage it takes the mean, the variance, and the energies of the three details of a Haar wavelet,
the signatures by which textures have long been told apart (Mallat, "A theory for multiresolution signal decomposition",
IEEE TPAMI 1989). Each is taken over the whole image, and over small cells, of whose logarithms the mean and the
deviation count: noise shows where an image is flat, and a raindrop in a few places. They are few enough to be kept for
many images, so that what names damage by them can look at each image many times while the network saw it once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.backbones import Backbone
from maskdcpt.config import configuration
from maskdcpt.errors import UserError, require
from maskdcpt.masking import View
from maskdcpt.pretraining.classifier import Classifier
from maskdcpt.pretraining.features import FeatureChoice, classifier_channels

QUANTITIES = 14
"""Quantities of a channel that are averaged over the cells of an image: in each cell mean, mean square and energies of
three details (5), logarithms of variance and energies (4), and squares of the mean and of these logarithms (5)."""

FAINTEST = 1e-10
"""What is added to energies before their logarithm is taken."""


@configuration
class StatisticsConfig:
    """Size of a classifier that reads statistics."""

    hidden: int = 256
    """Width of its only hidden layer."""
    features: FeatureChoice = "all"
    """Which stages of the backbone it reads: those of the latter half, the last alone, or all."""

    def __post_init__(self) -> None:
        require("statistics.hidden", self.hidden, 1, 1e6)


class StatisticsClassifier(Classifier):
    """From statistics of the features of a backbone to one logit per type of damage.

    Args:
        channels: Channels of the features, fine to coarse.
        strides: Pixels between two positions of each.
        classes: Names of the types, in the order of the logits.
        config: Size.
        multi_label: Whether an image may be damaged in several of these ways at once.
    """

    kind = "statistics"
    config: StatisticsConfig

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        classes: Sequence[str],
        config: StatisticsConfig,
        *,
        multi_label: bool = False,
    ) -> None:
        super().__init__(classes, config, multi_label=multi_label)
        self._channels = tuple(channels)
        self._steps = tuple(stride // strides[0] for stride in strides)
        if any(stride % strides[0] for stride in strides):
            raise UserError(f"statistics of features need strides that are multiples of the first, not {strides}")
        count = QUANTITIES * sum(channels)
        self.centre: Tensor
        self.spread: Tensor
        self.register_buffer("centre", torch.zeros(count))
        self.register_buffer("spread", torch.ones(count))
        self.hidden = nn.Linear(count, config.hidden)
        self.fc = nn.Linear(config.hidden, len(self.classes))

    @property
    def unit(self) -> int:
        """See the base class: two positions of the coarsest feature."""
        return 2 * max(self._steps)

    @property
    def reach(self) -> int:
        """See the base class."""
        return self.unit

    def positions(self, features: Sequence[Tensor], view: View) -> Tensor:
        """See the base class: the quantities of each channel, in cells of ``unit`` by ``unit``."""
        found = []
        for feature, step in zip(features, self._steps, strict=True):
            pooled = self.unit // step // 2
            mean, square, *details = (F.avg_pool2d(each, pooled) for each in _haar(view.enter(feature).float()))
            local = _logarithms(mean, square, details)
            found += [mean, square, *details, *local, *(each.square() for each in (mean, *local))]
        return torch.cat(found, 1)

    def statistics(self, evidence: Tensor) -> Tensor:
        """From the quantities' means over images (N, C) to as many statistics.

        For each stage: means, logarithms of variances and energies over the image, means of those over cells, and
        deviations between cells of mean and logarithms.
        """
        sizes = [size for channels in self._channels for size in [channels] * QUANTITIES]
        parts = torch.split(evidence.float(), sizes, 1)
        result = []
        for start in range(0, len(parts), QUANTITIES):
            mean, square, *others = parts[start : start + QUANTITIES]
            details, local, squares = others[:3], others[3:7], others[7:]
            deviations = [
                (each - middle.square()).clamp_min(0).sqrt()
                for middle, each in zip((mean, *local), squares, strict=True)
            ]
            result += [mean, *_logarithms(mean, square, details), *local, *deviations]
        return torch.cat(result, 1)

    def standardise(self, statistics: Tensor) -> None:
        """Takes the means and deviations of statistics (N, C) as those that the layers are to see as 0 and 1."""
        self.centre.copy_(statistics.mean(0))
        self.spread.copy_(statistics.std(0).clamp_min(1e-4))

    def name(self, evidence: Tensor) -> Tensor:
        """See the base class."""
        return self.name_statistics(self.statistics(evidence))

    def name_statistics(self, statistics: Tensor) -> Tensor:
        """From statistics (N, C) to logits (N, classes)."""
        seen = (statistics - self.centre) / self.spread
        logits: Tensor = self.fc(F.gelu(self.hidden(seen.to(self.hidden.weight.dtype))))
        return logits


def build_statistics(
    backbone: Backbone, classes: Sequence[str], config: StatisticsConfig, multi_label: bool = False
) -> StatisticsClassifier:
    """A classifier with fresh weights that fits a backbone; its other arguments are those of the class.

    Raises:
        UserError: If the backbone does not tell the stages that are to be read.
    """
    info = backbone.feature_info[:1] if config.features == "last" else backbone.feature_info
    strides = [each.stride for each in info]
    channels = classifier_channels(backbone, config.features)
    return StatisticsClassifier(channels, strides, classes, config, multi_label=multi_label)


def _logarithms(mean: Tensor, square: Tensor, details: Sequence[Tensor]) -> list[Tensor]:
    """Logarithms of the variance and of the energies of details."""
    # The mean of squares and the square of the mean may be so near that rounding would make the variance negative.
    variance = (square - mean.square()).clamp_min(0)
    return [(energy + FAINTEST).log() for energy in (variance, *details)]


def _haar(x: Tensor) -> list[Tensor]:
    """Value, square and squared details of every block of 2 x 2 positions, each (N, C, h / 2, w / 2)."""
    a, b, c, d = x[..., 0::2, 0::2], x[..., 0::2, 1::2], x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    along, across = (a + b, c + d), (a - b, c - d)
    return [
        (along[0] + along[1]) / 4,
        (a.square() + b.square() + c.square() + d.square()) / 4,
        ((across[0] + across[1]) / 2).square(),
        ((along[0] - along[1]) / 2).square(),
        ((across[0] - across[1]) / 2).square(),
    ]
