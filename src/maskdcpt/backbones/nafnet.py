"""NAFNet: a U-Net of blocks without non-linear activations.

Chen et al., "Simple Baselines for Image Restoration", ECCV 2022 (arXiv 2204.04676), in the variant that MaskDCPT
(arXiv 2510.13282) pre-trains: width 64, encoder blocks 1-1-1-28, one middle block, decoder blocks 1-1-1-1,
67,888,835 parameters, total stride 16, layer norm with eps 1e-5. Parameter names are those of its published weights.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from maskdcpt.backbones.base import Backbone, FeatureInfo, Features
from maskdcpt.backbones.shapes import Rename, Shapes
from maskdcpt.backbones.stage import Block, Stage
from maskdcpt.config import configuration
from maskdcpt.errors import UserError, require
from maskdcpt.masking import EVERYTHING, LayerNorm2d, Levels, View


@configuration
class NAFNetConfig:
    """Size of a NAFNet; the default is the published one."""

    name: Literal["nafnet"] = "nafnet"
    """Family."""
    width: int = 64
    """Channels at full resolution; they double at every level down."""
    encoder_blocks: tuple[int, ...] = (1, 1, 1, 28)
    """Blocks per encoder level, from full resolution down."""
    middle_blocks: int = 1
    """Blocks at the lowest resolution."""
    decoder_blocks: tuple[int, ...] = (1, 1, 1, 1)
    """Blocks per decoder level, from the lowest resolution up."""
    eps: float = 1e-5
    """What layer norms add to the variance; the original release and MaskDCPT's predecessor have 1e-6."""

    def __post_init__(self) -> None:
        require("nafnet: eps", self.eps, 1e-12, 1)
        levels = len(self.encoder_blocks)
        blocks = (*self.encoder_blocks, self.middle_blocks, *self.decoder_blocks)
        if self.width < 1 or levels < 1 or len(self.decoder_blocks) != levels or min(blocks) < 0:
            raise UserError(
                "a NAFNet needs a width of 1 or more, as many decoder as encoder levels and no negative counts, not "
                f"width {self.width}, encoder {self.encoder_blocks}, middle {self.middle_blocks}, "
                f"decoder {self.decoder_blocks}"
            )


class ChannelAttention(nn.Module):
    """Simplified channel attention: each channel scaled by a linear map of the channels' means (their section 3.4)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.add_module("1", nn.Conv2d(channels, channels, 1))  # the published name

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Scales a feature map (N, C, H, W)."""
        (scale,) = self.children()
        weights: Tensor = scale(view.mean(x))
        return x * weights


def simple_gate(x: Tensor) -> Tensor:
    """The product of the two halves of the channels, (N, 2C, H, W) to (N, C, H, W) (their section 3.4)."""
    a, b = x.chunk(2, dim=1)
    return a * b


class NAFBlock(Block):
    """Two residual branches: depthwise convolution with channel attention, then a gated pair of 1x1 convolutions.

    Args:
        channels: Channels of input and output.
        eps: What layer norms add to the variance.
    """

    reach = 1

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.sca = ChannelAttention(channels)
        self.conv4 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)
        self.norm1 = LayerNorm2d(channels, eps)
        self.norm2 = LayerNorm2d(channels, eps)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        u = self.conv1(self.norm1(x))  # 2C
        u = simple_gate(view.mix(self.conv2, u))  # C
        u = self.conv3(self.sca(u, view))
        y = x + self.beta * u
        v = simple_gate(self.conv4(self.norm2(y)))
        return y + self.gamma * self.conv5(v)  # type: ignore[no-any-return]


class NAFNet(Backbone):
    """The network; see the module's docstring.

    Args:
        config: Its size.
    """

    def __init__(self, config: NAFNetConfig) -> None:
        super().__init__()
        self.config = config
        levels = len(config.encoder_blocks)
        channels = [config.width * 2**level for level in range(levels + 1)]
        self.stride = 2**levels
        self.feature_info = tuple(
            FeatureInfo(f"decoder{levels - 1 - level}", channels[level], 2**level) for level in range(levels)
        )
        self.early_info = tuple(FeatureInfo(f"encoders.{level}", channels[level], 2**level) for level in range(levels))
        self.layers = (
            ("intro",),
            *((f"encoders.{level}", f"downs.{level}") for level in range(levels)),
            ("middle_blks",),
            *((f"ups.{level}", f"decoder{level}") for level in range(levels)),
            ("ending",),
        )

        def stage(channels: int, blocks: int) -> Stage:
            return Stage(NAFBlock(channels, config.eps) for _ in range(blocks))

        self.intro = nn.Conv2d(3, config.width, 3, padding=1)
        self.ending = nn.Conv2d(config.width, 3, 3, padding=1)
        self.encoders = nn.ModuleList(map(stage, channels, config.encoder_blocks))
        self.middle_blks = stage(channels[-1], config.middle_blocks)
        self.ups = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, 2 * c, 1, bias=False), nn.PixelShuffle(2)) for c in reversed(channels[1:])
        )
        self.downs = nn.ModuleList(nn.Conv2d(c, 2 * c, 2, stride=2) for c in channels[:-1])
        for level, (c, blocks) in enumerate(zip(reversed(channels[:-1]), config.decoder_blocks, strict=True)):
            self.add_module(f"decoder{level}", stage(c, blocks))

    def encode(self, x: Tensor, view: View, early: bool = False) -> Features:
        """Everything but the last convolution; see the base class."""
        upward, downward = self._levels(0, [view.part(self._embed, x, reach=1)], view)  # from (N, w, H, W)
        return Features(upward[:-1], upward[0], downward if early else ())

    def _embed(self, x: Tensor, view: View) -> Tensor:
        return view.mix(self.intro, x)

    def _levels(self, level: int, handed: list[Tensor], view: View) -> Levels:
        """What a level and those below it make of its input; see ``View.below``."""
        if level == len(self.encoders):
            return [self.middle_blks(handed.pop(), view)], []
        skip = self.encoders[level](handed.pop(), view)
        down = [view.part(partial(_pointwise, self.downs[level]), skip, reach=1)]  # channels double, sides halve
        upward, downward = view.below(partial(self._levels, level + 1), down)
        last = len(self.encoders) - 1 - level
        y = view.part(partial(_join, self.ups[last]), upward[0], skip, reach=0)  # channels halve, sides double
        return [self.get_submodule(f"decoder{last}")(y, view), *upward], [skip, *downward]

    def apply_head(self, last: Tensor) -> Tensor:
        """The last convolution; see the base class."""
        return self.ending(last)  # type: ignore[no-any-return]


def _pointwise(layer: nn.Module, x: Tensor, view: View) -> Tensor:
    y: Tensor = layer(x)
    return y


def _join(up: nn.Module, x: Tensor, skip: Tensor, view: View) -> Tensor:
    return up(x) + skip  # type: ignore[no-any-return]


RENAMES = (
    Rename(r"decoders\.(\d+)\.", r"decoder\1."),
    Rename(r"((?:encoders\.\d+|middle_blks|decoder\d+)\.)(?=\d)", r"\1blocks."),
)
"""Names of the original release, and of MaskDCPT's predecessor (the second rule alone)."""


def infer_config(shapes: Shapes, renamed: bool) -> NAFNetConfig:
    """The size of the network that weights belong to.

    Args:
        shapes: Their shapes, under the names used here.
        renamed: Whether they had other names.

    Raises:
        UserError: If the shapes are those of no NAFNet.
    """
    levels = range(shapes.count(r"downs\.(\d+)\."))
    return NAFNetConfig(
        width=shapes["intro.weight"][0],
        encoder_blocks=tuple(shapes.count(rf"encoders\.{level}\.blocks\.(\d+)\.") for level in levels),
        middle_blocks=shapes.count(r"middle_blks\.blocks\.(\d+)\."),
        decoder_blocks=tuple(shapes.count(rf"decoder{level}\.blocks\.(\d+)\.") for level in levels),
        eps=1e-6 if renamed else 1e-5,
    )
