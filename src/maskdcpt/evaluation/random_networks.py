"""Networks as they are before any training, at sizes with names."""

from __future__ import annotations

from pathlib import Path

import torch

from maskdcpt.backbones import Backbone, create_backbone
from maskdcpt.backbones.presets import FAMILIES
from maskdcpt.config import read_toml
from maskdcpt.errors import UserError, nearest
from maskdcpt.seeds import derive_seed

SMALL: dict[str, dict[str, object]] = {
    "nafnet": {"width": 16, "encoder_blocks": (1, 1, 1, 4)},
    "promptir": {
        "width": 8,
        "blocks": (1, 1, 1, 1),
        "refinement_blocks": 1,
        "prompt_channels": (8, 16, 32),
        "prompt_sizes": (32, 16, 8),
    },
    "restormer": {"width": 8, "blocks": (1, 1, 1, 1), "refinement_blocks": 1},
    "swinir": {"width": 16, "encoder_blocks": (2,), "decoder_blocks": (2,), "heads": 2},
}
"""Sizes that two cores of a CPU compute in seconds; the rest is as published."""

NAMES = (*FAMILIES, *(f"{family}-small" for family in SMALL))


def random_network(name: str, seed: int) -> Backbone:
    """Makes a network with random weights: those with which a training run of the seed starts from scratch.

    Args:
        name: A family at its published size, such as ``nafnet``; at a small one, such as ``nafnet-small``; or the path
            of a TOML file, such as a recipe, whose table ``[backbone]`` describes it.
        seed: Of the weights.

    Raises:
        UserError: If there is no such network.
    """
    if name.endswith(".toml"):
        fields = read_toml(Path(name)).get("backbone")
        if not isinstance(fields, dict) or "name" not in fields:
            raise UserError(f"{name}: a table [backbone] with a name is needed, such as name = 'nafnet'")
        family = str(fields.pop("name"))
    elif name in NAMES:
        family = name.removesuffix("-small")
        fields = dict(SMALL[family]) if name != family else {}
    else:
        raise UserError(f"no network is called {name!r}{nearest(name, NAMES)}; a file ends in .toml")
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed("weights", seed))
        return create_backbone(family, **fields).eval()
