"""What an exported file says of the network in it, so that it can be used without the weights it was made of."""

from __future__ import annotations

import json
from typing import Any

from maskdcpt.config import configuration, from_dict, to_dict
from maskdcpt.errors import UserError

KEY = "maskdcpt"
"""Under which an exported file keeps its description, as JSON."""
IMAGE, RESTORED, LOGITS = "image", "restored", "logits"
"""Names of a graph's input and outputs."""


@configuration
class Description:
    """The description of an exported network."""

    family: str
    """Kind of network."""
    backbone: dict[str, Any]
    """Its configuration, from which ``maskdcpt.create_backbone`` makes the same network again."""
    types: tuple[str, ...] = ()
    """What it names, in the order of the logits: types of damage, and ``clean`` where it knows that; nothing without a
    classifier."""
    multi_label: bool = False
    """Whether several types may come together, so that each logit stands alone."""
    stride: int
    """To multiples of how many pixels it pads an image inside."""
    reach: int
    """How far from a pixel the pixels lie at most that decide about it, but for averages over the image."""
    values: float = 0.0
    """Values a pixel that it holds at once in torch, about; 0 if that is not known."""
    whole_image: bool
    """Whether averages over the whole image decide as well, so that a tile comes out a little different alone."""
    sha256: str
    """Hash of the weights, the same as an evaluation states."""
    licence: str | None = None
    """Licence of the weights; None where they state none."""
    version: str
    """Version of the library that exported it."""


def to_json(description: Description) -> str:
    """The text that stands under ``KEY`` in an exported file."""
    return json.dumps(to_dict(description))


def from_json(text: str | None, where: str) -> Description:
    """Reads what ``to_json`` wrote.

    Args:
        text: The text; None where a file has none.
        where: The file, for messages.

    Raises:
        UserError: If it is no such text.
    """
    if text is None:
        raise UserError(f"{where}: says nothing of a network of this library; `maskdcpt export` writes files that do")
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: its description is no JSON text: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"{where}: its description is no JSON object")
    return from_dict(Description, values, where=f"{where}: description")
