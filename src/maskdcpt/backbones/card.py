"""The model card: what lies as ``README.md`` beside weights and tells people what they are."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData, metadata_load
from yaml import YAMLError

from maskdcpt.errors import UserError

TAGS = ("image-restoration", "maskdcpt", "arxiv:2510.13282")
"""Tags of every card; the family joins them. The Hub shows the one with ``arxiv`` as a link to the paper."""

TEMPLATE = """---
{{ card_data }}
---

# {{ network }} for image restoration

A network that restores damaged images, saved by the library maskdcpt, an implementation of masked degradation
classification pre-training ([arXiv 2510.13282](https://arxiv.org/abs/2510.13282)).

| | |
|---|---|
| family | {{ family }} |
| parameters | {{ "{:,}".format(parameters) }} |
| stride | {{ stride }} |
| licence of the code | Apache-2.0 |
| licence of the weights | {{ license or "not stated" }} |

```python
import maskdcpt
restorer = maskdcpt.Restorer.from_pretrained("{{ repo_id }}")  # or a folder with these files
restorer.restore("photo.jpg").save("restored.jpg")
```
"""


def model_card(
    network: str,
    family: str,
    parameters: int,
    stride: int,
    repo_id: str = "user/name",
    license: str | None = None,  # noqa: A002 -- the Hub's word
) -> ModelCard:
    """Writes the card of a network.

    Args:
        network: What the network is called.
        family: Its family, a tag as well.
        parameters: How many numbers it has learnt.
        stride: Its total stride in pixels.
        repo_id: Name on the Hub to load it by.
        license: Licence of the weights in the Hub's short form, such as ``cc-by-4.0``, or ``other: NAME`` for one that
            it does not list; without it the card states none.
    """
    short, _, name = (license or "").partition(": ")
    data = ModelCardData(
        library_name="maskdcpt",
        pipeline_tag="image-to-image",
        license=short or None,
        license_name=name or None,
        tags=sorted({*TAGS, family}),
    )
    card: ModelCard = ModelCard.from_template(
        data,
        template_str=TEMPLATE,
        network=network,
        family=family,
        parameters=parameters,
        stride=stride,
        repo_id=repo_id,
        license=license,
    )
    return card


def card_licence(folder: Path) -> str | None:
    """The licence of the weights that the card in a folder states; None if there is no card or it states none.

    One that the Hub does not list is told as ``other: NAME``.

    Raises:
        UserError: If the card's head cannot be read.
    """
    path = folder / "README.md"
    if not path.is_file():
        return None
    try:
        head = metadata_load(path) or {}
    except (ValueError, YAMLError) as error:
        raise UserError(f"{path}: its head is not the YAML of a model card: {error}") from None
    stated, name = head.get("license"), head.get("license_name")
    return None if stated is None else f"{stated}: {name}" if name else str(stated)
