"""From a name or a configuration to a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from maskdcpt.backbones.base import Backbone
from maskdcpt.backbones.nafnet import NAFNet, NAFNetConfig
from maskdcpt.backbones.promptir import PromptIR, PromptIRConfig
from maskdcpt.backbones.restormer import Restormer, RestormerConfig
from maskdcpt.backbones.swinir import SwinIR, SwinIRConfig
from maskdcpt.config import from_dict
from maskdcpt.errors import UserError, nearest

BackboneConfig: TypeAlias = Annotated[
    NAFNetConfig | RestormerConfig | PromptIRConfig | SwinIRConfig, Field(discriminator="name")
]
"""The configuration of any family; its ``name`` field tells which."""

FAMILIES: dict[str, tuple[type[Any], Callable[[Any], Backbone]]] = {
    "nafnet": (NAFNetConfig, NAFNet),
    "restormer": (RestormerConfig, Restormer),
    "promptir": (PromptIRConfig, PromptIR),
    "swinir": (SwinIRConfig, SwinIR),
}


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
    return build_backbone(from_dict(FAMILIES[name][0], fields, where=name))


def build_backbone(config: BackboneConfig) -> Backbone:
    """Makes the network that a configuration describes, with fresh weights."""
    return FAMILIES[config.name][1](config)
