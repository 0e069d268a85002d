"""Which of a backbone's features the classification decoder reads.

MaskDCPT (arXiv 2510.13282) section 3 counts everything before the restoration head as the encoder, a U-Net's way up
included, and classifies by the outputs of its latter half. The deepest output alone would leave shallow layers without
a gradient, as nothing leads around the deep ones; the outputs of all layers would thin out what the damage means.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from maskdcpt.backbones import Backbone, Features
from maskdcpt.errors import UserError

FeatureChoice: TypeAlias = Literal["latter-half", "last", "all"]
"""The stages of the latter half, as in the paper; of these only the last to work; or those of both halves."""


def classifier_features(features: Features, backbone: Backbone, which: FeatureChoice) -> list[Tensor]:
    """What the classification decoder is given.

    Args:
        features: What the backbone made; for ``"all"`` with ``forward_features(..., early=True)``.
        backbone: The network.
        which: ``"latter-half"``: each stage of ``feature_info``. ``"last"``: the one nearest to the output, which is
            the finest. ``"all"``: each stage with the channels of the first half's stage of the same resolution behind
            its own (in SwinIR, where all have one resolution, the n-th stage from the input and the n-th from the
            output meet). The lowest resolution of a U-Net, where the halves meet, is in none.

    Returns:
        Feature maps (N, C, H, W), fine to coarse, with the channels of ``classifier_channels``.

    Raises:
        UserError: If the first half is wanted and the backbone does not tell its stages, or was not asked for them.
    """
    if which == "latter-half":
        return features.stages
    if which == "last":
        return features.stages[:1]
    partners = _partners(backbone)
    if len(features.early) != len(backbone.early_info):
        raise UserError("all features are to be read, but only some were made; use forward_features(..., early=True)")
    return [
        torch.cat([stage, *(features.early[index] for index in indices)], 1)
        for stage, indices in zip(features.stages, partners, strict=True)
    ]


def classifier_channels(backbone: Backbone, which: FeatureChoice) -> list[int]:
    """The channels of ``classifier_features``, whose arguments and errors this has."""
    latter = [info.channels for info in backbone.feature_info]
    if which == "latter-half":
        return latter
    if which == "last":
        return latter[:1]
    early = [info.channels for info in backbone.early_info]
    return [
        channels + sum(early[index] for index in indices)
        for channels, indices in zip(latter, _partners(backbone), strict=True)
    ]


def _partners(backbone: Backbone) -> list[list[int]]:
    """For each stage of the latter half those of the first that go with it, as positions in ``early_info``.

    Where the first half has more stages of a resolution than the latter, the last one takes the rest.
    """
    if not backbone.early_info:
        raise UserError(
            f"{type(backbone).__name__} does not tell the stages of its first half; "
            "the classifier can read the features 'latter-half' or 'last'"
        )
    partners: list[list[int]] = [[] for _ in backbone.feature_info]
    for stride in sorted({info.stride for info in backbone.early_info}):
        own = [index for index, info in enumerate(backbone.feature_info) if info.stride == stride]
        others = [index for index, info in enumerate(backbone.early_info) if info.stride == stride]
        if not own:
            raise UserError(
                f"{type(backbone).__name__} has no stage of stride {stride} in its latter half to go with "
                f"{backbone.early_info[others[0]].name}; the classifier can read the features 'latter-half' or 'last'"
            )
        for order, other in enumerate(others):
            partners[own[min(order, len(own) - 1)]].append(other)
    return partners
