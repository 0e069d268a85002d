"""What every restoration network of this library promises to its users, and the padding they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.backbones.hub import HubModel
from maskdcpt.backbones.stage import Stage
from maskdcpt.errors import UserError
from maskdcpt.masking import View, VisibleMask, view_of


class FeatureInfo(NamedTuple):
    """One entry of ``Backbone.feature_info``."""

    name: str
    """Name of the stage as in the state dict."""
    channels: int
    """Channels of its output."""
    stride: int
    """Pixels of the (padded) image for one position of its output."""


class Features(NamedTuple):
    """What a network computes before its head. Sizes are those of the padded image."""

    stages: list[Tensor]
    """Outputs of the stages in the latter half of the network, fine to coarse, as in ``feature_info``."""
    last: Tensor
    """Input of the head."""
    early: Sequence[Tensor] = ()
    """Outputs of the stages in the first half, fine to coarse, as in ``early_info``; none unless they were asked for,
    since they stay in memory as long as this does."""


class Backbone(nn.Module, HubModel, ABC):
    """A restoration network: ``y = net(x)`` or, blind to hidden patches, ``y = net(x, mask=mask)``.

    Images are RGB (N, 3, H, W) in [0, 1] of any size: they are padded inside and the result is cropped back. The
    same weights serve both uses, and a mask without hidden patches changes nothing but, where its patches are larger
    than the stride, how far an image is padded.
    """

    stride: int
    """Total stride; the padded image is a multiple of it, and so must a mask's patch be."""
    config: Any
    """The frozen dataclass that describes the network's size; its ``name`` field is the family."""
    feature_info: tuple[FeatureInfo, ...]
    """The stages that ``forward_features`` returns, fine to coarse."""
    early_info: tuple[FeatureInfo, ...] = ()
    """The stages of the first half that it returns when asked to, fine to coarse; none if the network tells none."""
    layers: tuple[tuple[str, ...], ...]
    """Names of submodules in the order in which they work, those of one depth together; some sizes lack some."""

    @abstractmethod
    def encode(self, x: Tensor, view: View, early: bool = False) -> Features:
        """Everything but the head, for an image whose size is a multiple of the stride and that the view has entered.

        The features are in the view as well.

        Args:
            x: The image, in the view.
            view: How the layers see it.
            early: Whether to return the stages of ``early_info`` as well.
        """

    @abstractmethod
    def apply_head(self, last: Tensor) -> Tensor:
        """From the last features (N, C, H, W) to the correction of the image (N, 3, H, W)."""

    def forward(self, x: Tensor, mask: VisibleMask | None = None) -> Tensor:
        """Restores images (N, 3, H, W) in [0, 1]; the result is not clamped, hidden patches come out zero.

        Raises:
            UserError: If the input is no batch of RGB images or the mask does not fit it.
        """
        return self.forward_head(self.forward_features(x, mask), x, mask)

    def forward_features(self, x: Tensor, mask: VisibleMask | None = None, early: bool = False) -> Features:
        """The features that the pre-training decoders read.

        Args:
            x: Images (N, 3, H, W) in [0, 1].
            mask: Which of their patches are visible; all without one.
            early: Whether to return the stages of the first half as well, for which a network needs more memory.

        Raises:
            UserError: If the input is no batch of RGB images or the mask does not fit it.
        """
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape) < 1 or not x.is_floating_point():
            raise UserError(f"a network takes RGB images (N, 3, H, W) in [0, 1], not {x.dtype} {tuple(x.shape)}")
        padded = pad_to(self._hide_pixels(x, mask), self._padded_size(x, mask))
        view = self.view(mask)
        features = self.encode(view.enter(padded), view, early)
        return Features(
            [view.leave(stage) for stage in features.stages],
            view.leave(features.last),
            [view.leave(stage) for stage in features.early],
        )

    def forward_head(self, features: Features, x: Tensor, mask: VisibleMask | None = None) -> Tensor:
        """From features to the restored image: the head's correction on top of the (visible) input."""
        correction = self.apply_head(features.last)[..., : x.shape[-2], : x.shape[-1]]
        return self._hide_pixels(correction + x, mask)

    def view(self, mask: VisibleMask | None) -> View:
        """How the layers see a masked image: the fastest way that the network can take."""
        return view_of(mask)

    def layer_groups(self) -> list[list[str]]:
        """The names of all parameters by depth, from the input to the head: groups for layer-wise decay."""
        names = [name for name, _ in self.named_parameters()]
        prefixes = [tuple(f"{module}." for module in group) for group in self.layers]
        groups = [[name for name in names if name.startswith(group)] for group in prefixes]
        return [group for group in groups if group]

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Trades time for memory in training: blocks compute their inside again instead of keeping it."""
        for module in self.modules():
            if isinstance(module, Stage):
                module.checkpointing = enable

    def _padded_size(self, x: Tensor, mask: VisibleMask | None) -> tuple[int, int]:
        height, width = x.shape[-2:]
        if mask is None:
            return -(-height // self.stride) * self.stride, -(-width // self.stride) * self.stride
        mask.require_batch(x)
        patch = mask.patch_size((height, width), self.stride)
        return mask.grid[0] * patch, mask.grid[1] * patch

    def _hide_pixels(self, x: Tensor, mask: VisibleMask | None) -> Tensor:
        # Pixels are hidden before padding as well: a reflection may otherwise carry a hidden pixel into the part
        # of a visible patch that hangs over the image's border.
        if mask is None:
            return x
        visible = mask.at(self._padded_size(x, mask))[..., : x.shape[-2], : x.shape[-1]]
        return x.masked_fill(~visible, 0.0)


def pad_to(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Pads images on the right and the bottom: by reflection as far as that reaches, then by repeating the border.

    Args:
        x: Images (N, C, H, W).
        size: Height and width wanted, no smaller than the image's.
    """
    for axis, extent in ((-2, size[0]), (-1, size[1])):
        missing = extent - x.shape[axis]
        reflected = min(missing, x.shape[axis] - 1)
        for amount, mode in ((reflected, "reflect"), (missing - reflected, "replicate")):
            if amount:
                x = F.pad(x, (0, 0, 0, amount) if axis == -2 else (0, amount, 0, 0), mode=mode)
    return x
