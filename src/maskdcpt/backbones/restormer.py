"""Restormer: a U-Net of Transformer blocks whose attention runs over channels instead of positions.

Zamir et al., "Restormer: Efficient Transformer for High-Resolution Image Restoration", CVPR 2022 (arXiv 2111.09881),
in the variant that MaskDCPT (arXiv 2510.13282) pre-trains: width 48, blocks 4-6-6-8 and 4 of refinement, heads
1-2-4-8, expansion 2.66, no bias in convolutions, layer norm with bias and eps 1e-5, 26,126,644 parameters, total
stride 8. Parameter names are those of its published weights.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.backbones.base import Backbone, FeatureInfo, Features
from maskdcpt.backbones.shapes import Rename, Shapes
from maskdcpt.backbones.stage import Block, Stage
from maskdcpt.config import configuration
from maskdcpt.errors import UserError, require
from maskdcpt.masking import EVERYTHING, LayerNorm2d, Levels, View, halves


@configuration
class RestormerConfig:
    """Size of a Restormer; the default is the published one."""

    name: Literal["restormer"] = "restormer"
    """Family."""
    width: int = 48
    """Channels at full resolution; they double at every level down."""
    blocks: tuple[int, ...] = (4, 6, 6, 8)
    """Blocks per level, from full resolution down; all but the lowest level have them on the way up as well."""
    refinement_blocks: int = 4
    """Blocks at full resolution before the head."""
    heads: tuple[int, ...] = (1, 2, 4, 8)
    """Heads of attention per level."""
    expansion: float = 2.66
    """Channels inside a feed-forward network, as a multiple of the channels outside."""

    def __post_init__(self) -> None:
        require_u_net(self.name, self.width, self.blocks, self.heads, self.refinement_blocks, self.expansion)


def require_u_net(
    name: str, width: int, blocks: tuple[int, ...], heads: tuple[int, ...], refinement: int, expansion: float
) -> None:
    """Refuses a size that no such network can have.

    Raises:
        UserError: If a number is out of range or the numbers do not fit one another.
    """
    if len(blocks) < 2 or len(heads) != len(blocks) or min(*blocks, refinement) < 0 or min(*heads, width) < 1:
        raise UserError(
            f"a {name} needs blocks and heads for the same two levels or more, no negative counts and a positive "
            f"width, not width {width}, blocks {blocks}, heads {heads}, refinement {refinement}"
        )
    require(f"{name}: width * expansion", width * expansion, 1, 1e9)
    if width % 2:
        raise UserError(f"{name}: width {width} is odd, and the first step down halves it")
    if any(width * 2**level % count for level, count in enumerate(heads)):
        raise UserError(f"{name}: heads {heads} do not divide the channels of their levels at width {width}")


class ChannelAttention(nn.Module):
    """Multi-Dconv head transposed attention (their section 3.1): channels attend to channels.

    Similarity is a sum over positions, so with hidden positions at zero it sees the visible ones only.

    Args:
        channels: Channels of input and output.
        heads: Groups of channels that attend among themselves.
        bias: Whether the convolutions have biases.
    """

    def __init__(self, channels: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.temperature = nn.Parameter(torch.ones(heads, 1, 1))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=bias)
        self.qkv_dwconv = nn.Conv2d(3 * channels, 3 * channels, 3, padding=1, groups=3 * channels, bias=bias)
        self.project_out = nn.Conv2d(channels, channels, 1, bias=bias)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        qkv = view.hide(view.mix(self.qkv_dwconv, self.qkv(x)))  # 3C
        q, k, v = torch.unflatten(qkv, 1, (3, self.heads, -1)).unbind(1)  # (N, heads, C / heads, H, W) each
        weights = (view.cosine(q, k) * self.temperature).softmax(-1)  # (N, heads, C / heads, C / heads)
        # Positions before channels, which is free of copies when qkv is channels-last.
        mixed = torch.einsum("nphd,nhcd->nphc", v.permute(0, 3, 4, 1, 2).flatten(1, 2), weights)
        return self.project_out(mixed.flatten(2).mT.reshape(x.shape))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """Gated-Dconv feed-forward network (their section 3.2).

    Args:
        channels: Channels of input and output.
        hidden: Channels inside.
        bias: Whether the convolutions have biases.
    """

    def __init__(self, channels: int, hidden: int, bias: bool) -> None:
        super().__init__()
        self.project_in = nn.Conv2d(channels, 2 * hidden, 1, bias=bias)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=bias)
        self.project_out = nn.Conv2d(hidden, channels, 1, bias=bias)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        pairs = zip(halves(self.project_in), halves(self.dwconv), strict=True)
        a, b = (view.mix(depthwise, project(x)) for project, depthwise in pairs)
        return self.project_out(F.gelu(a) * b)  # type: ignore[no-any-return]


class TransformerBlock(Block):
    """Two residual branches, each after a layer norm: channel attention, then the feed-forward network.

    Args:
        channels: Channels of input and output.
        heads: Heads of attention.
        expansion: Channels inside the feed-forward network, as a multiple.
        bias: Whether the convolutions have biases.
    """

    reach = 2

    def __init__(self, channels: int, heads: int, expansion: float, bias: bool) -> None:
        super().__init__()
        self.norm1 = LayerNorm2d(channels)
        self.attn = ChannelAttention(channels, heads, bias)
        self.norm2 = LayerNorm2d(channels)
        self.ffn = FeedForward(channels, int(channels * expansion), bias)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        y = x + self.attn(self.norm1(x), view)
        return y + self.ffn(self.norm2(y), view)  # type: ignore[no-any-return]


class Embedding(nn.Module):
    """The first convolution, from RGB to features.

    Args:
        channels: Channels of the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, 3, H, W) to (N, C, H, W)."""
        return view.mix(self.proj, x)


class Downsample(nn.Module):
    """Half the resolution, twice the channels: a convolution, then space to depth.

    Args:
        channels: Channels of the input.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels // 2, 3, padding=1, bias=False)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to (N, 2C, H / 2, W / 2)."""
        return F.pixel_unshuffle(view.mix(self.conv, x), 2)


class Upsample(nn.Module):
    """Twice the resolution: a convolution, then depth to space.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 4 * outputs, 3, padding=1, bias=False)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to (N, outputs, 2H, 2W)."""
        return F.pixel_shuffle(view.mix(self.conv, x), 2)


class ChannelAttentionUNet(Backbone):
    """The frame of Restormer and PromptIR: all but what happens in a step up, from one level to the next finer one.

    Args:
        config: Its size.
        bias: Whether the convolutions of blocks, of steps up and of the head have biases.
    """

    step_up_parts: ClassVar[tuple[str, ...]]
    """Names of the submodules of a step up besides the upsampling, each of which the level's number ends."""

    def __init__(self, config: Any, bias: bool) -> None:
        super().__init__()
        self.config = config
        self.bias = bias
        deepest = len(config.blocks)
        self.stride = 2 ** (deepest - 1)
        self.width: dict[int, int] = {level: config.width * 2 ** (level - 1) for level in range(1, deepest + 1)}
        # At full resolution the way up keeps the channels of both its inputs.
        self.upward = {**self.width, 1: 2 * config.width}
        self.downward_levels, self.upward_levels = range(1, deepest), range(deepest - 1, 0, -1)
        self.feature_info = tuple(
            FeatureInfo(f"decoder_level{level}", self.upward[level], 2 ** (level - 1)) for level in self.downward_levels
        )
        self.early_info = tuple(
            FeatureInfo(f"encoder_level{level}", self.width[level], 2 ** (level - 1)) for level in self.downward_levels
        )
        self.layers = (
            ("patch_embed",),
            *((f"encoder_level{level}", f"down{level}_{level + 1}") for level in self.downward_levels),
            ("latent",),
            *(
                (f"up{level + 1}_{level}", *(f"{part}{level}" for part in self.step_up_parts))
                for level in self.upward_levels
            ),
            ("refinement",),
            ("output",),
        )

        self.patch_embed = Embedding(config.width)
        self.add_guides()
        for level in self.downward_levels:
            self.add_module(f"encoder_level{level}", self._stage(self.width[level], level, config.blocks[level - 1]))
            self.add_module(f"down{level}_{level + 1}", Downsample(self.width[level]))
        self.latent = self._stage(self.width[deepest], deepest, config.blocks[-1])
        for level in self.upward_levels:
            self.add_step_up(level)
            self.add_module(f"decoder_level{level}", self._stage(self.upward[level], level, config.blocks[level - 1]))
        self.refinement = self._stage(self.upward[1], 1, config.refinement_blocks)
        self.output = nn.Conv2d(self.upward[1], 3, 3, padding=1, bias=bias)

    def add_guides(self) -> None:
        """Adds what a family has besides the U-Net."""

    @abstractmethod
    def add_step_up(self, level: int) -> None:
        """Adds the submodules of a step up to a level."""

    @abstractmethod
    def step_up(self, level: int, x: Tensor, skip: Tensor, view: View) -> Tensor:
        """Joins what comes from the level below with the encoder's features, as the level's decoder reads them."""

    def join(self, level: int, x: Tensor, skip: Tensor, view: View) -> Tensor:
        """Brings what comes from the level below to twice the resolution, beside the encoder's features."""
        x = torch.cat([self.get_submodule(f"up{level + 1}_{level}")(x, view), skip], 1)
        return self.get_submodule(f"reduce_chan_level{level}")(x) if level > 1 else x

    def block(self, channels: int, heads: int) -> TransformerBlock:
        """A block of this network."""
        return TransformerBlock(channels, heads, self.config.expansion, self.bias)

    def conv1x1(self, inputs: int, outputs: int) -> nn.Conv2d:
        """A convolution that changes the number of channels."""
        return nn.Conv2d(inputs, outputs, 1, bias=self.bias)

    def _stage(self, channels: int, level: int, blocks: int) -> Stage:
        return Stage(self.block(channels, self.config.heads[level - 1]) for _ in range(blocks))

    def encode(self, x: Tensor, view: View, early: bool = False) -> Features:
        """Everything but the last convolution; see the base class."""
        upward, downward = self._levels(1, [view.part(self.patch_embed, x, reach=1)], view)  # from (N, w, H, W)
        last = self.refinement(upward[0], view)
        return Features(upward[:-1], last, downward if early else ())

    def _levels(self, level: int, handed: list[Tensor], view: View) -> Levels:
        """What a level and those below it make of its input; see ``View.below``."""
        if level not in self.downward_levels:
            return [self.latent(handed.pop(), view)], []
        skip = self.get_submodule(f"encoder_level{level}")(handed.pop(), view)
        # Channels double, sides halve.
        down = [view.part(self.get_submodule(f"down{level}_{level + 1}"), skip, reach=2)]
        upward, downward = view.below(partial(self._levels, level + 1), down)
        y = self.step_up(level, upward[0], skip, view)  # sides double
        return [self.get_submodule(f"decoder_level{level}")(y, view), *upward], [skip, *downward]

    def apply_head(self, last: Tensor) -> Tensor:
        """The last convolution; see the base class."""
        return self.output(last)  # type: ignore[no-any-return]


class Restormer(ChannelAttentionUNet):
    """The network; see the module's docstring.

    Args:
        config: Its size.
    """

    step_up_parts = ("reduce_chan_level", "decoder_level")

    def __init__(self, config: RestormerConfig) -> None:
        super().__init__(config, bias=False)
        self.apply(_initialise)

    def add_step_up(self, level: int) -> None:
        """See the base class."""
        self.add_module(f"up{level + 1}_{level}", Upsample(self.width[level + 1], self.width[level]))
        if level > 1:
            self.add_module(f"reduce_chan_level{level}", self.conv1x1(2 * self.width[level], self.width[level]))

    def step_up(self, level: int, x: Tensor, skip: Tensor, view: View) -> Tensor:
        """See the base class."""
        return view.part(partial(self.join, level), x, skip, reach=2)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.trunc_normal_(module.weight, std=0.02)


RENAMES = (
    Rename(r"((?:encoder_level\d+|latent|decoder_level\d+|refinement)\.)body\.(?=\d)", r"\1"),
    Rename(r"((?:encoder_level\d+|latent|decoder_level\d+|refinement)\.)(?=\d)", r"\1blocks."),
    Rename(r"((?:down|up)\d+_\d+\.)body\.0\.", r"\1conv."),
    Rename(r"(.*\.norm\d\.)body\.", r"\1"),
)
"""Names of the original releases of Restormer and PromptIR, and of MaskDCPT's predecessor."""


def infer_config(shapes: Shapes, renamed: bool) -> RestormerConfig:
    """The size of the network that weights belong to.

    Args:
        shapes: Their shapes, under the names used here.
        renamed: Whether they had other names, which changes nothing.

    Raises:
        UserError: If the shapes are those of no Restormer, or of one that computes something else.
    """
    if not shapes.any(".norm1.bias"):
        raise UserError(
            "its layer norms have no bias, so it computes something else: those of the original's denoising networks, "
            "which keep the mean, or of MaskDCPT's predecessor, which also attends by ReLU"
        )
    if "skip_conv.weight" in shapes:
        raise UserError("it restores dual-pixel pairs, not RGB images")
    return RestormerConfig(**u_net_fields(shapes))


def u_net_fields(shapes: Shapes) -> dict[str, Any]:
    """The fields of a configuration that Restormer and PromptIR share, read from the shapes of weights.

    Raises:
        UserError: If a tensor that tells a field is missing.
    """
    names = [*(f"encoder_level{index + 1}" for index in range(shapes.count(r"down(\d+)_", first=1))), "latent"]
    gates = shapes.keys(r".*\.ffn\.project_in\.weight")
    return {
        "width": shapes["patch_embed.proj.weight"][0],
        "blocks": tuple(shapes.count(rf"{name}\.blocks\.(\d+)\.") for name in names),
        "refinement_blocks": shapes.count(r"refinement\.blocks\.(\d+)\."),
        "heads": tuple(shapes[f"{name}.blocks.0.attn.temperature"][0] for name in names),
        "expansion": shapes.ratio((gate, gate.replace("project_in", "project_out")) for gate in gates),
    }
