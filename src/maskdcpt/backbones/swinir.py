"""SwinIR: Transformer layers at full resolution whose attention runs within small windows.

Liang et al., "SwinIR: Image Restoration Using Swin Transformer", ICCVW 2021 (arXiv 2108.10257), in the variant that
MaskDCPT (arXiv 2510.13282) pre-trains: width 180, two times three groups of six layers, six heads, windows of 8 x 8,
11,455,563 parameters. It has neither relative position bias nor a mask for shifted windows, which therefore reach
across the image's opposite borders. Parameter names are those of its published weights.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.backbones.base import Backbone, FeatureInfo, Features
from maskdcpt.backbones.shapes import Rename, Shapes
from maskdcpt.backbones.stage import Block, Stage
from maskdcpt.config import configuration
from maskdcpt.errors import UserError
from maskdcpt.masking import EVERYTHING, LayerNorm2d, View, from_rows, to_rows

RGB_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean colour of DIV2K, which the network subtracts from its input."""


@configuration
class SwinIRConfig:
    """Size of a SwinIR; the default is the published one."""

    name: Literal["swinir"] = "swinir"
    """Family."""
    width: int = 180
    """Channels."""
    encoder_blocks: tuple[int, ...] = (6, 6, 6)
    """Layers of each group in the first half of the network."""
    decoder_blocks: tuple[int, ...] = (6, 6, 6)
    """Layers of each group in the latter half."""
    heads: int = 6
    """Heads of attention."""
    window: int = 8
    """Side of a window in pixels, even."""
    expansion: float = 2.0
    """Channels inside a multi-layer perceptron, as a multiple of the channels outside."""

    def __post_init__(self) -> None:
        blocks = (*self.encoder_blocks, *self.decoder_blocks)
        if not self.encoder_blocks or not self.decoder_blocks or min(blocks) < 0 or min(self.width, self.heads) < 1:
            raise UserError(
                "a swinir needs a group or more in each half, no negative counts and a positive width, not "
                f"width {self.width}, encoder {self.encoder_blocks}, decoder {self.decoder_blocks}, heads {self.heads}"
            )
        if self.width % self.heads or self.window < 2 or self.window % 2 or not 1 <= self.width * self.expansion < 1e9:
            raise UserError(
                "a swinir's heads divide its width, its window is even and its expansion positive, not "
                f"width {self.width}, heads {self.heads}, window {self.window}, expansion {self.expansion}"
            )


class Pointwise(nn.Linear):
    """A linear layer over the channels of each position; as a 1x1 convolution it needs fewer passes over memory."""

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to (N, outputs, H, W)."""
        return F.conv2d(x, self.weight[:, :, None, None], self.bias)


class WindowAttention(nn.Module):
    """Multi-head self-attention among the positions of a window (their section 3.2).

    Args:
        channels: Channels of input and output.
        heads: Number of heads.
        window: Side of a window in pixels.
        shift: How far the windows are moved towards the end of both axes, in pixels.
    """

    def __init__(self, channels: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv = Pointwise(channels, 3 * channels)
        self.proj = Pointwise(channels, channels)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        qkv = view.leave(self.qkv(x))  # (N, 3C, H, W): windows lie in the whole image
        order = self._order(qkv)
        windows = to_rows(qkv).index_select(0, order.flatten()).reshape(*order.shape, 3, self.heads, -1)
        q, k, v = windows.permute(2, 0, 3, 1, 4)  # (B, heads, window^2, C / heads) each
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=self._keys(view, qkv, order))
        rows = mixed.transpose(1, 2).reshape(order.numel(), -1)
        image = torch.empty_like(rows).index_copy_(0, order.flatten(), rows)
        return self.proj(view.enter(from_rows(image, *qkv.shape[-2:])))  # type: ignore[no-any-return]

    def _order(self, x: Tensor) -> Tensor:
        """The positions of each window, as rows of the feature map, int64 (B, window^2); B windows in all images."""
        n, _, height, width = x.shape
        positions = torch.arange(n * height * width, device=x.device).reshape(n, height, width)
        moved = positions.roll((-self.shift, -self.shift), (1, 2))
        side = self.window
        tiles = moved.reshape(n, height // side, side, width // side, side).transpose(2, 3)
        return tiles.reshape(-1, side**2)

    def _keys(self, view: View, x: Tensor, order: Tensor) -> Tensor | None:
        """Which positions of each window may be seen, bool (B, 1, 1, window^2); None if all."""
        visible = view.visible((x.shape[-2], x.shape[-1]))
        if visible is None:
            return None
        keys = to_rows(visible)[order].mT[:, None]
        # In a window without a visible position attention has nothing to see; what it makes there is hidden anyway.
        return keys | ~keys.any(-1, keepdim=True)


class Perceptron(nn.Module):
    """Two point-wise layers with a GELU between them.

    Args:
        channels: Channels of input and output.
        hidden: Channels inside.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Pointwise(channels, hidden)
        self.fc2 = Pointwise(hidden, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        return self.fc2(F.gelu(self.fc1(x)))  # type: ignore[no-any-return]


class SwinLayer(Block):
    """Two residual branches, each after a layer norm: attention in windows, then a perceptron.

    Args:
        config: Size of the network.
        shift: How far the windows are moved towards the end of both axes, in pixels.
    """

    wraps = True

    def __init__(self, config: SwinIRConfig, shift: int) -> None:
        super().__init__()
        self.reach = config.window - 1  # to the far end of its window
        self.norm1 = LayerNorm2d(config.width)
        self.attn = WindowAttention(config.width, config.heads, config.window, shift)
        self.norm2 = LayerNorm2d(config.width)
        self.mlp = Perceptron(config.width, int(config.width * config.expansion))

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        y = x + self.attn(self.norm1(x), view)
        return y + self.mlp(self.norm2(y))  # type: ignore[no-any-return]


class Group(nn.Module):
    """Layers, then a convolution, around which the input goes on (their residual Swin Transformer block).

    Args:
        config: Size of the network.
        layers: Number of layers; every second one has its windows moved by half a window.
    """

    def __init__(self, config: SwinIRConfig, layers: int) -> None:
        super().__init__()
        self.residual_group = Stage(SwinLayer(config, index % 2 * config.window // 2) for index in range(layers))
        self.conv = nn.Conv2d(config.width, config.width, 3, padding=1)

    def forward(self, x: Tensor, view: View = EVERYTHING) -> Tensor:
        """Maps (N, C, H, W) to the same shape."""
        return view.part(self._add, self.residual_group(x, view), x, reach=1)

    def _add(self, deep: Tensor, x: Tensor, view: View) -> Tensor:
        return x + view.mix(self.conv, deep)


class SwinIR(Backbone):
    """The network; see the module's docstring.

    Args:
        config: Its size.
    """

    mean: Tensor

    def __init__(self, config: SwinIRConfig) -> None:
        super().__init__()
        self.config = config
        self.stride = config.window
        # Fine to coarse, which is here from the last group to the first: all are at full resolution.
        self.feature_info = tuple(
            FeatureInfo(f"decode_layers{index}", config.width, 1)
            for index in reversed(range(len(config.decoder_blocks)))
        )
        self.early_info = tuple(
            FeatureInfo(f"encode_layers.{index}", config.width, 1) for index in range(len(config.encoder_blocks))
        )
        self.layers = (
            ("conv_first", "patch_embed"),
            *((f"encode_layers.{index}",) for index in range(len(config.encoder_blocks))),
            *((f"decode_layers{index}",) for index in range(len(config.decoder_blocks))),
            ("norm", "conv_after_body"),
            ("conv_last",),
        )

        self.register_buffer("mean", torch.tensor(RGB_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.conv_first = nn.Conv2d(3, config.width, 3, padding=1)
        self.patch_embed = nn.ModuleDict({"norm": LayerNorm2d(config.width)})
        self.encode_layers = nn.ModuleList(Group(config, layers) for layers in config.encoder_blocks)
        for index, layers in enumerate(config.decoder_blocks):
            self.add_module(f"decode_layers{index}", Group(config, layers))
        self.norm = LayerNorm2d(config.width)
        self.conv_after_body = nn.Conv2d(config.width, config.width, 3, padding=1)
        self.conv_last = nn.Conv2d(config.width, 3, 3, padding=1)
        self.apply(_initialise)

    def encode(self, x: Tensor, view: View, early: bool = False) -> Features:
        """Everything but the last convolution; see the base class."""
        shallow = view.part(self._embed, x, reach=1)  # (N, w, H, W), and so all the way
        x = view.part(lambda x, view: self.patch_embed["norm"](x), shallow, reach=0)
        kept, stages = [], []
        for group in self.encode_layers:
            x = group(x, view)
            if early:
                kept.append(x)
        for index in range(len(self.config.decoder_blocks)):
            x = self.get_submodule(f"decode_layers{index}")(x, view)
            stages.append(x)
        return Features(stages[::-1], view.part(self._close, x, shallow, reach=1), kept)

    def _embed(self, x: Tensor, view: View) -> Tensor:
        return view.mix(self.conv_first, x - self.mean)

    def _close(self, x: Tensor, shallow: Tensor, view: View) -> Tensor:
        return view.mix(self.conv_after_body, self.norm(x)) + shallow

    def apply_head(self, last: Tensor) -> Tensor:
        """The last convolution; see the base class."""
        return self.conv_last(last)  # type: ignore[no-any-return]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


RENAMES: tuple[Rename, ...] = ()
"""MaskDCPT's predecessor has the same names, and the original release is another function."""

HEAD_CHANNELS = 30
"""Channels of a head in every published size."""


def infer_config(shapes: Shapes, renamed: bool) -> SwinIRConfig:
    """The size of the network that weights belong to.

    Heads and window leave no trace in the weights: they are taken to be as in the published networks, heads of 30
    channels and windows of 8 x 8. A folder with ``config.json`` says them.

    Args:
        shapes: Their shapes, under the names used here.
        renamed: Whether they had other names, which never happens.

    Raises:
        UserError: If the shapes are those of no SwinIR, or of one that computes something else.
    """
    if shapes.any("relative_position_bias_table", "attn_mask"):
        raise UserError("it has relative position biases or masks for shifted windows, as the original release")
    width = shapes["conv_first.weight"][0]
    if width % HEAD_CHANNELS:
        raise UserError(f"its {width} channels are no multiple of {HEAD_CHANNELS}, so its heads cannot be told")
    outer = shapes.keys(r".*\.mlp\.fc1\.weight")
    return SwinIRConfig(
        width=width,
        encoder_blocks=_counts(shapes, "encode_layers."),
        decoder_blocks=_counts(shapes, "decode_layers"),
        heads=width // HEAD_CHANNELS,
        expansion=shapes.ratio((key, key.replace("fc1", "fc2")) for key in outer),
    )


def _counts(shapes: Shapes, prefix: str) -> tuple[int, ...]:
    start = prefix.replace(".", r"\.")
    groups = range(shapes.count(rf"{start}(\d+)\."))
    return tuple(shapes.count(rf"{start}{group}\.residual_group\.blocks\.(\d+)\.") for group in groups)
