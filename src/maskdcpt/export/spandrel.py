"""Our networks for spandrel, the library with which chaiNNer and programs like it load weights of restoration networks.

``register()`` tells it of four kinds of network more; its ``ModelLoader`` then knows ``model.safetensors`` of this
library, and the published weights, by the names of their tensors. Without that it would refuse them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from maskdcpt.backbones import build_backbone
from maskdcpt.backbones.presets import FAMILIES
from maskdcpt.backbones.states import recognise
from maskdcpt.errors import UserError
from maskdcpt.inference.exported import require_package
from maskdcpt.inference.tiling import outline

TITLES = {
    "nafnet": "MaskDCPT NAFNet",
    "promptir": "MaskDCPT PromptIR",
    "restormer": "MaskDCPT Restormer",
    "swinir": "MaskDCPT SwinIR",
}
"""What spandrel shows as the names of our families, which are its own for the original networks."""


def register(registry: Any = None) -> None:
    """Makes our families known; those that a registry knows already are left alone.

    Args:
        registry: A ``spandrel.ArchRegistry``; without it the one that every ``spandrel.ModelLoader`` reads.

    Raises:
        UserError: If spandrel is not installed or cannot be imported.
    """
    spandrel = _spandrel()
    if registry is None:
        registry = spandrel.MAIN_REGISTRY
    new = [kind for kind in architectures() if kind.id not in registry]
    registry.add(*map(spandrel.ArchSupport.from_architecture, new))


def architectures() -> list[Any]:
    """One ``spandrel.Architecture`` for each family, in the order in which they are to be asked.

    Raises:
        UserError: If spandrel is not installed or cannot be imported.
    """
    kind = _architecture()
    return [kind(family) for family in FAMILIES]


def _spandrel() -> Any:
    return require_package("spandrel", "spandrel", "telling spandrel of networks")


def _architecture() -> Any:
    """The class of our architectures, which exists only where its base does."""
    spandrel = _spandrel()
    base: Any = spandrel.Architecture

    class MaskDCPTArchitecture(base):  # type: ignore[misc]
        """One of our families.

        Args:
            family: Its name.
        """

        def __init__(self, family: str) -> None:
            super().__init__(
                id=TITLES[family].replace(" ", "-"), name=TITLES[family], detect=partial(belongs_to, family)
            )

        def load(self, state_dict: dict[str, Tensor]) -> Any:
            """The network of weights that ``detect`` has found to be of this family."""
            config, state = recognise(Path("weights"), state_dict)
            network = build_backbone(config)
            tiling = spandrel.ModelTiling.DISCOURAGED if outline(network).sums else spandrel.ModelTiling.SUPPORTED
            return spandrel.ImageModelDescriptor(
                network,
                state,
                architecture=self,
                purpose="Restoration",
                tags=[f"{config.width}w"],
                supports_half=False,  # values of trained networks may exceed what half precision holds
                supports_bfloat16=True,
                scale=1,
                input_channels=3,
                output_channels=3,
                size_requirements=spandrel.SizeRequirements(multiple_of=network.stride),
                tiling=tiling,
            )

    return MaskDCPTArchitecture


def belongs_to(family: str, state_dict: Mapping[str, object]) -> bool:
    """Whether weights are those of a network of a family, under the names of this library and of MaskDCPT.

    Weights of the original releases have other names; spandrel knows them itself.

    Args:
        family: Name of the family.
        state_dict: Name to tensor.
    """
    tensors = {key: value for key, value in state_dict.items() if isinstance(value, Tensor)}
    if len(tensors) < len(state_dict):
        return False
    try:
        config, renamed = recognise(Path("weights"), tensors)
    except UserError:
        return False
    return config.name == family and renamed.keys() == tensors.keys()
