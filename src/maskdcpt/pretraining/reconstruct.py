"""A decoder that rebuilds hidden patches too, from mask tokens; the published method has none.

In MaskDCPT (arXiv 2510.13282) the backbone's own head makes the image, from features that are zero where a patch is
hidden: nothing can be learned there, and the hidden share of the L1 loss is a constant. Here hidden positions of every
stage are filled with a learned token first, and convolutions over the whole image then carry to them what stands
around (SparK, Tian et al., ICLR 2023, arXiv 2301.03580).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.backbones import FeatureInfo
from maskdcpt.config import configuration
from maskdcpt.errors import UserError
from maskdcpt.masking import LayerNorm2d, VisibleMask

GREY = 0.5
"""What the decoder's output is added to: from here it is nearer to most images than from black."""


@configuration
class ReconstructionConfig:
    """Whether hidden patches are to be rebuilt, and by how large a decoder."""

    tokens: bool = False
    """Whether a decoder with mask tokens rebuilds hidden patches in pre-training. The published method has no tokens:
    there the backbone's own head makes the whole image, and hidden pixels add a constant to the L1 loss."""
    width: int = 32
    """Channels of that decoder."""

    def __post_init__(self) -> None:
        if self.width < 1:
            raise UserError(f"a reconstruction decoder needs a width of 1 or more, not {self.width}")


class Refinement(nn.Module):
    """Residual block: layer norm, then two 3x3 convolutions with a GELU between them.

    Args:
        channels: Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = LayerNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        return x + self.conv2(F.gelu(self.conv1(self.norm(x))))  # type: ignore[no-any-return]


class ReconstructionDecoder(nn.Module):
    """From the stage features of a masked backbone to the whole image, hidden patches included.

    Below the coarsest stage it has levels of its own, each of half the resolution, down to where a hidden patch is one
    position: there a 3x3 convolution reaches from any visible patch into its hidden neighbours.

    Args:
        stages: ``feature_info`` of the backbone. Where a stage has more than half the resolution of the one before
            (SwinIR), the finer part is left out, as in the classification decoder.
        patch: Side of a patch in pixels.
        config: Size.
    """

    def __init__(self, stages: Sequence[FeatureInfo], patch: int, config: ReconstructionConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = stages[0].stride
        strides = [self.stride]
        for stage in stages[1:]:
            strides.append(max(stage.stride, 2 * strides[-1]))
        self.steps = [level // stage.stride for level, stage in zip(strides, stages, strict=True)]
        while 2 * strides[-1] <= patch:
            strides.append(2 * strides[-1])
        self.tokens = nn.ParameterList(nn.Parameter(torch.empty(1, stage.channels, 1, 1)) for stage in stages)
        self.entries = nn.ModuleList(nn.Conv2d(stage.channels, config.width, 1) for stage in stages)
        self.downs = nn.ModuleList(
            nn.Conv2d(config.width, config.width, 3, stride=2, padding=1) for _ in strides[len(stages) :]
        )
        self.levels = nn.ModuleList(Refinement(config.width) for _ in strides)
        self.head = nn.Conv2d(config.width, 3, 3, padding=1)
        for token in self.tokens:
            nn.init.trunc_normal_(token, std=0.02)

    def forward(self, features: Sequence[Tensor], mask: VisibleMask | None, size: tuple[int, int]) -> Tensor:
        """Rebuilds images.

        Args:
            features: ``Features.stages`` of the backbone.
            mask: The mask under which they were computed; what stands in its hidden positions is not read.
            size: Height and width of the images, without the backbone's padding.

        Returns:
            The images (N, 3, H, W), not clamped.

        Raises:
            UserError: If the mask does not fit the features.
        """
        if mask is not None:
            mask.require_fit(features[0])
        maps = [
            entry(_filled(feature, token, mask)[..., ::step, ::step])
            for feature, token, entry, step in zip(features, self.tokens, self.entries, self.steps, strict=True)
        ]
        for down in self.downs:
            maps.append(down(maps[-1]))
        x = self.levels[-1](maps[-1])
        for finer, level in zip(maps[-2::-1], self.levels[-2::-1], strict=True):
            x = level(finer + F.interpolate(x, finer.shape[-2:]))
        if self.stride > 1:
            x = F.interpolate(x, scale_factor=self.stride)
        image: Tensor = GREY + self.head(x)
        return image[..., : size[0], : size[1]]


def _filled(feature: Tensor, token: Tensor, mask: VisibleMask | None) -> Tensor:
    """A feature map whose hidden positions hold the token."""
    if mask is None:
        return feature
    return torch.where(mask.at((feature.shape[-2], feature.shape[-1])), feature, token.to(feature.dtype))
