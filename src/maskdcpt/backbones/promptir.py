"""PromptIR: a Restormer whose way up is told by learned prompts what to look for.

Potlapalli et al., "PromptIR: Prompting for All-in-One Blind Image Restoration", NeurIPS 2023 (arXiv 2306.13090), in
the variant that MaskDCPT (arXiv 2510.13282) pre-trains: a Restormer with biases, and three prompts of five components
each, 35,539,290 parameters, total stride 8. Parameter names are those of its published weights.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.backbones.base import Backbone, FeatureInfo, Features
from maskdcpt.backbones.restormer import (
    RENAMES as RESTORMER_RENAMES,
)
from maskdcpt.backbones.restormer import (
    Downsample,
    Embedding,
    TransformerBlock,
    Upsample,
    require_u_net,
    u_net_fields,
)
from maskdcpt.backbones.shapes import Shapes
from maskdcpt.backbones.stage import Stage
from maskdcpt.config import configuration
from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask, VisibleMean, hide


@configuration
class PromptIRConfig:
    """Size of a PromptIR; the default is the published one."""

    name: Literal["promptir"] = "promptir"
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
    prompt_channels: tuple[int, ...] = (64, 128, 320)
    """Channels of the prompt of each level but the lowest, from full resolution down."""
    prompt_sizes: tuple[int, ...] = (64, 32, 16)
    """Side of each prompt before it is resized to the features, in positions."""
    prompt_components: int = 5
    """Components that each prompt is mixed from."""
    prompt_heads: int = 4
    """Heads of attention where features and prompt meet."""
    bias: bool = True
    """Whether the convolutions of blocks, of reductions and of the head have biases; in the original they do not."""

    def __post_init__(self) -> None:
        require_u_net(self.name, self.width, self.blocks, self.heads, self.refinement_blocks, self.expansion)
        if len(self.blocks) < 3:
            raise UserError(f"a promptir needs three levels or more, not blocks {self.blocks}")
        prompts = len(self.blocks) - 1
        if len(self.prompt_channels) != prompts or len(self.prompt_sizes) != prompts:
            raise UserError(
                f"a promptir of {prompts + 1} levels needs {prompts} prompt_channels and prompt_sizes, not "
                f"{self.prompt_channels} and {self.prompt_sizes}"
            )
        if min(*self.prompt_channels, *self.prompt_sizes, self.prompt_components, self.prompt_heads) < 1:
            raise UserError("promptir: prompt_channels, prompt_sizes, prompt_components and prompt_heads are positive")
        for level, channels in enumerate(self.prompt_channels, start=1):
            if (self.width * 2**level + channels) % self.prompt_heads:
                raise UserError(
                    f"promptir: prompt_heads {self.prompt_heads} do not divide the channels of level {level}"
                )


class Prompt(nn.Module):
    """Mixes learned components by what the features hold on average (their section 3.1).

    Args:
        inputs: Channels of the features.
        channels: Channels of the prompt.
        components: Number of components.
        size: Their side in positions.
    """

    def __init__(self, inputs: int, channels: int, components: int, size: int) -> None:
        super().__init__()
        self.prompt_param = nn.Parameter(torch.rand(1, components, channels, size, size))
        self.linear_layer = nn.Linear(inputs, components)
        self.conv3x3 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.mean = VisibleMean()

    def forward(self, x: Tensor, mask: VisibleMask | None = None) -> Tensor:
        """The prompt (N, channels, H, W) for features (N, C, H, W)."""
        weights = self.linear_layer(self.mean(x, mask).flatten(1)).softmax(-1)  # (N, components)
        prompt = torch.einsum("nk,kchw->nchw", weights, self.prompt_param[0])
        prompt = F.interpolate(prompt, x.shape[-2:], mode="bilinear")
        return hide(self.conv3x3(hide(prompt, mask)), mask)


class PromptIR(Backbone):
    """The network; see the module's docstring.

    Args:
        config: Its size.
    """

    def __init__(self, config: PromptIRConfig) -> None:
        super().__init__()
        self.config = config
        deepest = len(config.blocks)
        self.stride = 2 ** (deepest - 1)
        width = {level: config.width * 2 ** (level - 1) for level in range(1, deepest + 1)}
        # At full resolution the way up keeps the channels of both its inputs.
        upward = {**width, 1: 2 * config.width}
        self.feature_info = tuple(
            FeatureInfo(f"decoder_level{level}", upward[level], 2 ** (level - 1)) for level in range(1, deepest)
        )
        joins = ("prompt", "noise_level", "reduce_noise_level", "reduce_chan_level", "decoder_level")
        self.layers = (
            ("patch_embed",),
            *((f"encoder_level{level}", f"down{level}_{level + 1}") for level in range(1, deepest)),
            ("latent",),
            *((f"up{level + 1}_{level}", *(f"{part}{level}" for part in joins)) for level in range(deepest - 1, 0, -1)),
            ("refinement",),
            ("output",),
        )

        def block(channels: int, heads: int) -> TransformerBlock:
            return TransformerBlock(channels, heads, config.expansion, config.bias)

        def stage(channels: int, level: int, blocks: int) -> Stage:
            return Stage(block(channels, config.heads[level - 1]) for _ in range(blocks))

        def conv1x1(inputs: int, outputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, 1, bias=config.bias)

        self.patch_embed = Embedding(config.width)
        below = {**{level: upward[level + 1] for level in range(1, deepest - 1)}, deepest - 1: width[deepest]}
        for level, (channels, size) in enumerate(zip(config.prompt_channels, config.prompt_sizes, strict=True), 1):
            self.add_module(f"prompt{level}", Prompt(below[level], channels, config.prompt_components, size))
        for level in range(1, deepest):
            self.add_module(f"encoder_level{level}", stage(width[level], level, config.blocks[level - 1]))
            self.add_module(f"down{level}_{level + 1}", Downsample(width[level]))
        self.latent = stage(width[deepest], deepest, config.blocks[-1])
        for level in range(deepest - 1, 0, -1):
            # Above the lowest level the way up has half the channels that a Restormer has there.
            inner = width[level] if level == deepest - 1 else width[level + 1]
            outer = inner // 2
            prompted = below[level] + config.prompt_channels[level - 1]
            self.add_module(f"up{level + 1}_{level}", Upsample(inner, outer))
            if level > 1:
                self.add_module(f"reduce_chan_level{level}", conv1x1(outer + width[level], width[level]))
            self.add_module(f"noise_level{level}", block(prompted, config.prompt_heads))
            self.add_module(f"reduce_noise_level{level}", conv1x1(prompted, inner))
            self.add_module(f"decoder_level{level}", stage(upward[level], level, config.blocks[level - 1]))
        self.refinement = stage(upward[1], 1, config.refinement_blocks)
        self.output = nn.Conv2d(upward[1], 3, 3, padding=1, bias=config.bias)

    def encode(self, x: Tensor, mask: VisibleMask | None) -> Features:
        """Everything but the last convolution; see the base class."""
        deepest = len(self.config.blocks)
        x = self.patch_embed(x, mask)  # (N, w, H, W)
        skips, stages = [], []
        for level in range(1, deepest):
            skips.append(self.get_submodule(f"encoder_level{level}")(x, mask))
            x = self.get_submodule(f"down{level}_{level + 1}")(skips[-1], mask)  # channels double, sides halve
        x = self.latent(x, mask)
        for level in range(deepest - 1, 0, -1):
            x = torch.cat([x, self.get_submodule(f"prompt{level}")(x, mask)], 1)
            x = self.get_submodule(f"noise_level{level}")(x, mask)
            x = hide(self.get_submodule(f"reduce_noise_level{level}")(x), mask)
            x = self.get_submodule(f"up{level + 1}_{level}")(x, mask)  # sides double
            x = torch.cat([x, skips.pop()], 1)
            if level > 1:
                x = hide(self.get_submodule(f"reduce_chan_level{level}")(x), mask)
            x = self.get_submodule(f"decoder_level{level}")(x, mask)
            stages.append(x)
        return Features(stages[::-1], self.refinement(x, mask))

    def apply_head(self, last: Tensor) -> Tensor:
        """The last convolution; see the base class."""
        return self.output(last)  # type: ignore[no-any-return]


RENAMES = RESTORMER_RENAMES
"""Names of the original release, and of MaskDCPT's predecessor."""

UNUSED = r"(?:chnl_reduce|reduce_noise_channel_)\d\."
"""Layers that the original release has and never uses."""


def infer_config(shapes: Shapes, renamed: bool) -> PromptIRConfig:
    """The size of the network that weights belong to.

    Args:
        shapes: Their shapes, under the names used here.
        renamed: Whether they had other names, which changes nothing.

    Raises:
        UserError: If the shapes are those of no PromptIR, or of one that computes something else.
    """
    if not shapes.any(".norm1.bias"):
        raise UserError("its layer norms have no bias and keep the mean, so it computes something else")
    prompts = [shapes[f"prompt{level + 1}.prompt_param"] for level in range(shapes.count(r"prompt(\d+)\.", first=1))]
    return PromptIRConfig(
        **u_net_fields(shapes),
        prompt_channels=tuple(shape[2] for shape in prompts),
        prompt_sizes=tuple(shape[3] for shape in prompts),
        prompt_components=prompts[0][1],
        prompt_heads=shapes["noise_level1.attn.temperature"][0],
        bias="output.bias" in shapes,
    )
