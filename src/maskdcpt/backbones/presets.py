"""From a name or a configuration to a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import Field

from maskdcpt.backbones import nafnet, promptir, restormer, swinir
from maskdcpt.backbones.base import Backbone
from maskdcpt.backbones.nafnet import NAFNet, NAFNetConfig
from maskdcpt.backbones.promptir import PromptIR, PromptIRConfig
from maskdcpt.backbones.restormer import Restormer, RestormerConfig
from maskdcpt.backbones.shapes import Rename, Shapes
from maskdcpt.backbones.swinir import SwinIR, SwinIRConfig
from maskdcpt.config import from_dict
from maskdcpt.errors import UserError, nearest

BackboneConfig: TypeAlias = Annotated[
    NAFNetConfig | RestormerConfig | PromptIRConfig | SwinIRConfig, Field(discriminator="name")
]
"""The configuration of any family; its ``name`` field tells which."""


class Family(NamedTuple):
    """All that is known of one kind of network."""

    config: type[Any]
    """Its configuration."""
    network: Callable[[Any], Backbone]
    """The network itself."""
    mark: str
    """A tensor that every network of the family has, whoever released it."""
    renames: Sequence[Rename]
    """From the names of other releases to ours."""
    unused: str | None
    """Pattern for the start of names of tensors that other releases have and never use."""
    infer_config: Callable[[Shapes, bool], Any]
    """From the shapes of weights to the configuration."""


FAMILIES = {
    "nafnet": Family(NAFNetConfig, NAFNet, "intro.weight", nafnet.RENAMES, None, nafnet.infer_config),
    "promptir": Family(
        PromptIRConfig, PromptIR, "prompt1.prompt_param", restormer.RENAMES, promptir.UNUSED, promptir.infer_config
    ),
    "restormer": Family(
        RestormerConfig, Restormer, "patch_embed.proj.weight", restormer.RENAMES, None, restormer.infer_config
    ),
    "swinir": Family(SwinIRConfig, SwinIR, "conv_first.weight", swinir.RENAMES, None, swinir.infer_config),
}
"""Every family by its name. Weights belong to the first whose mark they have."""


def create_backbone(name: str, **fields: object) -> Backbone:
    """Makes a network with fresh weights.

    Args:
        name: Family, a key of ``FAMILIES``.
        fields: Any field of the family's configuration; what is left out has the published size.

    Raises:
        UserError: If the family or a field does not exist, or a value does not fit.
    """
    if name not in FAMILIES:
        raise UserError(f"no backbone is called {name!r}{nearest(name, FAMILIES)}")
    return build_backbone(from_dict(FAMILIES[name].config, fields, where=name))


def build_backbone(config: BackboneConfig) -> Backbone:
    """Makes the network that a configuration describes, with fresh weights."""
    return FAMILIES[config.name].network(config)
