"""The ways of pre-training that can be compared, each a choice of what is hidden, rebuilt and named."""

from __future__ import annotations

from typing import Literal, NamedTuple

MethodName = Literal["maskdcpt", "dcpt", "reconstruction", "classification", "unmasked"]


class Method(NamedTuple):
    """What a way of pre-training asks of a network."""

    masked: bool
    """Whether patches of the damaged image are hidden."""
    rebuilds_from: Literal["damaged", "clean"] | None
    """The image from which the clean one is rebuilt; None if none is."""
    classifies: bool
    """Whether the type of damage is named from the features of the damaged image."""


METHODS: dict[MethodName, Method] = {
    # The paper's (arXiv 2510.13282): one forward pass through the masked network, both decoders.
    "maskdcpt": Method(masked=True, rebuilds_from="damaged", classifies=True),
    # Its predecessor (arXiv 2501.15510): names the damaged image, and passes the clean one through as an auto-encoder.
    "dcpt": Method(masked=False, rebuilds_from="clean", classifies=True),
    # Half of it each.
    "reconstruction": Method(masked=True, rebuilds_from="damaged", classifies=False),
    "classification": Method(masked=True, rebuilds_from=None, classifies=True),
    # All of it but the mask. The paper's row of ratio 0 is the predecessor, so that it tells nothing of the mask alone.
    "unmasked": Method(masked=False, rebuilds_from="damaged", classifies=True),
}
"""All of them, by the name in a recipe. Training from scratch is fine-tuning without initial weights."""
