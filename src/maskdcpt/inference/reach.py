"""How far the pixels lie that decide about a pixel, which is what a tile needs to overlap the next one by."""

from __future__ import annotations

from collections.abc import Iterable

from maskdcpt.backbones import Backbone
from maskdcpt.backbones.nafnet import NAFNetConfig
from maskdcpt.backbones.promptir import PromptIRConfig
from maskdcpt.backbones.restormer import RestormerConfig
from maskdcpt.backbones.swinir import SwinIRConfig
from maskdcpt.errors import UserError


def reach(backbone: Backbone) -> int:
    """The greatest distance in pixels, along either axis, over which a pixel of the input tells on one of the output.

    It is counted along the deepest way through the network: one for each 3 x 3 convolution, as wide as a position is
    there, and the width of a window for each attention in windows. What comes by averages and sums over the whole image
    (see ``sees_whole_image``) has no distance and is left out, as are SwinIR's shifted windows where they join opposite
    borders.

    Raises:
        UserError: If the network is of no known family.
    """
    config = backbone.config
    if isinstance(config, NAFNetConfig):
        return _nafnet(config)
    if isinstance(config, RestormerConfig | PromptIRConfig):
        return _channel_attention_u_net(config, prompted=isinstance(config, PromptIRConfig))
    if isinstance(config, SwinIRConfig):
        return _swinir(config)
    raise UserError(f"the reach of a {type(backbone).__name__} is not known")


def sees_whole_image(backbone: Backbone) -> bool:
    """Whether averages or sums over all positions decide about every pixel, as in all families but SwinIR."""
    return not isinstance(backbone.config, SwinIRConfig)


def _nafnet(config: NAFNetConfig) -> int:
    lowest = len(config.encoder_blocks)
    counts = [
        (2, 0),  # the first and the last convolution
        *((blocks, level) for level, blocks in enumerate(config.encoder_blocks)),
        (config.middle_blocks, lowest),
        *((blocks, level) for level, blocks in enumerate(reversed(config.decoder_blocks))),
    ]
    return _pixels(counts) + _corners(lowest)


def _channel_attention_u_net(config: RestormerConfig | PromptIRConfig, prompted: bool) -> int:
    # A block has two convolutions; a step down or up has one, before it changes the resolution.
    *levels, last = config.blocks
    lowest = len(levels)
    counts = [(2, 0), (2 * config.refinement_blocks, 0), (2 * last, lowest)]
    for level, blocks in enumerate(levels):
        counts += [(2 * 2 * blocks, level), (1, level), (1, level + 1)]
        if prompted:
            counts.append((2, level + 1))  # the block in which features and prompt meet
    return _pixels(counts) + _corners(lowest)


def _swinir(config: SwinIRConfig) -> int:
    groups = (*config.encoder_blocks, *config.decoder_blocks)
    return 3 + sum(layers * (config.window - 1) + 1 for layers in groups)


def _pixels(counts: Iterable[tuple[int, int]]) -> int:
    """The reach of convolutions one after the other, given how many there are and how often the image was halved."""
    return sum(count << level for count, level in counts)


def _corners(lowest: int) -> int:
    """How far the pixels of one position at the lowest level lie apart, which tell on one another there."""
    return (1 << lowest) - 1
