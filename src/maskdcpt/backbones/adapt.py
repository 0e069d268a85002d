"""A way in for networks that were written elsewhere; docs/adapt.md says what is promised of them and what is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from torch import Tensor, nn

from maskdcpt.backbones.base import Backbone, Features
from maskdcpt.backbones.hooks import run_to_head
from maskdcpt.backbones.probe import probe
from maskdcpt.errors import UserError
from maskdcpt.masking import EVERYTHING, View, VisibleMask, ZeroedView


def adapt(
    module: nn.Module,
    features: Sequence[str],
    head: str,
    *,
    hide: Sequence[str] = (),
    stride: int | None = None,
) -> Adapted:
    """Makes any encoder-decoder restoration network one that can be pre-trained with masks.

    The module is used as it is, not copied, and runs a few times on random images to be measured. Names are those of
    ``module.named_modules()``.

    Args:
        module: Maps images (N, 3, H, W) to restored images of the same size; keeps its own names and state dict as
            ``.module`` of the result.
        features: Stages in the latter half of the network, fine to coarse, whose outputs (N, C, H, W) the
            classification decoder reads. Their hidden positions are zero under a mask.
        head: The last layer: from the last features (N, C, H, W) to the restored image, or to the correction that
            the module adds to its input. Which of the two is found out.
        hide: Further stages, such as those of the encoder, after which hidden positions become zero.
        stride: What image sides are padded to a multiple of. By default the largest stride of any layer that gives
            a map (N, C, H, W); say it if the network works in windows, or keeps its maps in another form.

    Raises:
        UserError: If a name does not exist, a stage is not called exactly once or gives no feature map, the features
            are not in order, the head is not the last layer, or the module needs anything but images or does not keep
            their size.
    """
    return Adapted(module, features, head, hide=hide, stride=stride)


class Adapted(Backbone):
    """A network that was written elsewhere, as a backbone; made by ``adapt``, whose arguments it takes.

    Without a mask it computes what the module computes. With one, hidden pixels are zero before the module sees
    them, so that they influence nothing, and hidden positions are zero after the named stages and before the head;
    the layers between do not know of the mask.

    Raises:
        UserError: As for ``adapt``.
    """

    residual: bool
    """Whether the module adds its input to the head's output."""

    def __init__(
        self,
        module: nn.Module,
        features: Sequence[str],
        head: str,
        *,
        hide: Sequence[str] = (),
        stride: int | None = None,
    ) -> None:
        super().__init__()
        if not features:
            raise UserError("no features are named; the classification decoder needs one stage or more")
        self._features, self._stages, self._head = tuple(features), (*features, *hide), head
        found = probe(module, self._features, self._stages, head, stride)
        self.module = module
        self.stride = found.stride
        self.feature_info = tuple(info._replace(name=f"module.{info.name}") for info in found.features)
        self.residual = found.residual
        self._depths = found.depths

    @property
    def config(self) -> NoReturn:
        """There is none: no configuration of this library describes the module.

        Raises:
            UserError: Always; saving asks for it.
        """
        raise UserError(
            "an adapted network has no configuration to save or build it from; save adapted.module.state_dict()"
        )

    def view(self, mask: VisibleMask | None) -> View:
        """Hidden positions stay, as zeros, because the module's layers work on whole images."""
        return EVERYTHING if mask is None else ZeroedView(mask)

    def encode(self, x: Tensor, view: View, early: bool = False) -> Features:
        """Everything but the head, which is not run; see the base class. No stage of the first half is known."""
        outputs, last = run_to_head(self.module, x, self._stages, self._head, view.hide)
        return Features([outputs[name] for name in self._features], last)

    def apply_head(self, last: Tensor) -> Tensor:
        """The head alone: a correction of the image if ``residual``, the restored image otherwise."""
        result: Tensor = self.module.get_submodule(self._head)(last)
        return result

    def forward_head(self, features: Features, x: Tensor, mask: VisibleMask | None = None) -> Tensor:
        """From features to the restored image, as the module makes it; hidden patches come out zero."""
        if self.residual:
            return super().forward_head(features, x, mask)
        return self._hide_pixels(self.apply_head(features.last)[..., : x.shape[-2], : x.shape[-1]], mask)

    def layer_groups(self) -> list[list[str]]:
        """The names of all parameters, in groups that end with each named stage; the head is the last.

        A parameter belongs where the submodule that owns it is first called; one of a submodule that is never called,
        where the next submodule around it is.
        """
        groups: dict[int, list[str]] = {}
        for name, _ in self.named_parameters():
            owner = name.removeprefix("module.")
            while owner not in self._depths:
                owner = owner.rpartition(".")[0]
            groups.setdefault(self._depths[owner], []).append(name)
        return [groups[depth] for depth in sorted(groups)]

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Cannot be switched on from outside; a module's own checkpointing may be, inside of named stages.

        Raises:
            UserError: If it is to be enabled.
        """
        if enable:
            raise UserError(
                "gradient checkpointing of an adapted network is its module's own business; "
                "switch it on there, inside of named stages and not around them"
            )
