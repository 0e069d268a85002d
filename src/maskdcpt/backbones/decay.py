"""Layer-wise decay: the nearer to the input, the slower a parameter is to learn."""

from __future__ import annotations

from maskdcpt.backbones.base import Backbone
from maskdcpt.errors import UserError


def layer_scales(backbone: Backbone, decay: float) -> dict[str, float]:
    """What to multiply the learning rate of each parameter by: ``decay`` to the power of its distance from the output.

    The head has distance 0, and each group of ``Backbone.layer_groups`` before it one more, on the way down as on the
    way up. Multiply the peak rate once, not the rate of a step, where a scheduler may do so again. The published code
    has such a decay for PromptIR alone, where the deepest decoder learns slowest; whether it was used is not known.

    Args:
        backbone: Any network.
        decay: In (0, 1]; 1 has all parameters learn alike.

    Returns:
        The scale, in (0, 1], of every parameter by its name.

    Raises:
        UserError: If the decay is out of range.
    """
    if not 0 < decay <= 1:
        raise UserError(f"layer decay is {decay:g}; it lies in (0, 1], and 1 means none")
    groups = backbone.layer_groups()
    return {name: decay**distance for distance, group in enumerate(reversed(groups)) for name in group}
