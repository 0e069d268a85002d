"""PromptIR: a Restormer whose way up is told by learned prompts what to look for.

Potlapalli et al., "PromptIR: Prompting for All-in-One Blind Image Restoration", NeurIPS 2023 (arXiv 2306.13090), in
the variant that MaskDCPT (arXiv 2510.13282) pre-trains: a Restormer with biases, and three prompts of five components
each, 35,539,290 parameters, total stride 8. Parameter names are those of its published weights.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from maskdcpt.backbones.restormer import (
    ChannelAttentionUNet,
    TransformerBlock,
    Upsample,
    require_u_net,
    u_net_fields,
)
from maskdcpt.backbones.shapes import Shapes
from maskdcpt.config import configuration
from maskdcpt.errors import UserError
from maskdcpt.masking import EVERYTHING, View


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

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """The prompt (N, channels, H, W) for features (N, C, H, W)."""
        weights = self.linear_layer(view.mean(x).flatten(1)).softmax(-1)  # (N, components)
        prompt = torch.einsum("nk,kchw->nchw", weights, self.prompt_param[0])
        return view.mix(self.conv3x3, view.spread(prompt, x))


class PromptIR(ChannelAttentionUNet):
    """The network; see the module's docstring.

    Args:
        config: Its size.
    """

    step_up_parts = ("prompt", "noise_level", "reduce_noise_level", "reduce_chan_level", "decoder_level")

    def __init__(self, config: PromptIRConfig) -> None:
        super().__init__(config, config.bias)

    def _below(self, level: int) -> int:
        """Channels of what a step up to a level starts from."""
        return self.width[level + 1] if level == self.upward_levels[0] else self.upward[level + 1]

    def add_guides(self) -> None:
        """Adds the prompts."""
        config = self.config
        for level, (channels, size) in enumerate(zip(config.prompt_channels, config.prompt_sizes, strict=True), 1):
            self.add_module(f"prompt{level}", Prompt(self._below(level), channels, config.prompt_components, size))

    def add_step_up(self, level: int) -> None:
        """See the base class."""
        # Above the lowest level the way up has half the channels that a Restormer has there.
        inner = self.width[level] if level == self.upward_levels[0] else self.width[level + 1]
        outer = inner // 2
        prompted = self._below(level) + self.config.prompt_channels[level - 1]
        self.add_module(f"up{level + 1}_{level}", Upsample(inner, outer))
        if level > 1:
            self.add_module(f"reduce_chan_level{level}", self.conv1x1(outer + self.width[level], self.width[level]))
        self.add_module(f"noise_level{level}", self.block(prompted, self.config.prompt_heads))
        self.add_module(f"reduce_noise_level{level}", self.conv1x1(prompted, inner))

    def step_up(self, level: int, x: Tensor, skip: Tensor, view: View) -> Tensor:
        """See the base class."""
        x = view.part(partial(self._prompted, level), x, reach=1)
        noise, reduce = self.get_submodule(f"noise_level{level}"), self.get_submodule(f"reduce_noise_level{level}")
        x = view.part(lambda x, view: reduce(noise(x, view)), x, reach=TransformerBlock.reach)
        return view.part(partial(self.join, level), x, skip, reach=2)

    def _prompted(self, level: int, x: Tensor, view: View) -> Tensor:
        return torch.cat([x, self.get_submodule(f"prompt{level}")(x, view)], 1)


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
