"""The page of a data set, as the Hugging Face Hub shows it, with a picture of what is in it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from PIL import Image, ImageDraw

from maskdcpt.corpus.manifest import MANIFEST
from maskdcpt.corpus.plan import Plan
from maskdcpt.corpus.sources import Sources
from maskdcpt.corpus.table import IMAGES, SPLIT
from maskdcpt.data.tables import open_parquet, read_columns
from maskdcpt.degradations import CATALOGUE
from maskdcpt.files import write_whole
from maskdcpt.images import decode_image, to_pil

CARD, GALLERY = "README.md", "gallery.webp"
"""Files of a data set."""

SHOWN, SIDE = 3, 112
"""Pairs of each type in the picture, and their side in pixels."""

SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
"""Ends of what the Hub calls sizes of data sets, each ten times the one before."""


READING = """\
## How to read it

```python
from datasets import load_dataset

pairs = load_dataset("FOLDER", split="train")
pairs[0]["clean"], pairs[0]["degraded"], pairs[0]["type"]
```

`manifest/manifest.parquet` has all columns but the images, and where each pair is. Where `degradation` and `seed` are
set, they make the damaged image from the clean one again:
`maskdcpt.degradations.apply(clean, from_dict(json.loads(degradation)), seed)`, rounded to 8 bits.

""".splitlines()


def write_card(out: Path, plan: Plan, sources: Sources, facts: Mapping[str, Any]) -> None:
    """Writes the page and its picture.

    Args:
        out: Folder of the data set, with shards and manifest.
        plan: What it was made by.
        sources: What it was made of.
        facts: What ``build.json`` says.

    Raises:
        OSError: If the disk is full or a file cannot be written.
    """
    write_whole(out / GALLERY, _gallery(out))
    write_whole(out / CARD, "\n".join(_lines(plan, sources, facts)).encode())


def size_category(pairs: int) -> str:
    """What the Hub calls a data set with so many pairs, such as ``1K<n<10K``."""
    place = next((place for place in range(len(SIZES)) if pairs < 1000 * 10**place), len(SIZES))
    if place == 0:
        return f"n<{SIZES[0]}"
    return f"{SIZES[place - 1]}<n<{SIZES[place]}" if place < len(SIZES) else f"n>{SIZES[-1]}"


def _lines(plan: Plan, sources: Sources, facts: Mapping[str, Any]) -> list[str]:
    recipe, statistics = plan.recipe, facts["statistics"]
    size = size_category(len(plan))
    terms = {each.name: each.commercial for source in sources.found.values() for each in source.licences}
    used = [name for name in terms if name in statistics["licence"]]
    return [
        "---",
        f"pretty_name: {recipe.name}",
        "license: other",
        "task_categories:",
        "- image-to-image",
        "tags:",
        "- image-restoration",
        "- image-degradation",
        "size_categories:",
        f"- {size}",
        "configs:",
        "- config_name: default",
        "  data_files:",
        f"  - split: {SPLIT}",
        f"    path: data/{SPLIT}-*.parquet",
        "---",
        "",
        f"# {recipe.name}",
        "",
        f"{len(plan):,} pairs of a clean and a damaged image, {recipe.crop} x {recipe.crop} pixels, of "
        f"{len(statistics['type'])} types of damage, {statistics['real'].get('True', 0):,} of them photographed;",
        f"{facts['bytes'] / 1e9:.2f} GB in {plan.shards} files. Built by `maskdcpt data build` from `recipe.toml`,",
        "which makes the same bytes again from the same sources.",
        "",
        f"![pairs of every type]({GALLERY})",
        "",
        *READING,
        "## What is in it",
        "",
        *_table(
            ("type", "pairs", "of data sets", "by the engine", "levels", "mean PSNR of the damage (dB)"),
            [_type_row(name, plan, statistics) for name in CATALOGUE.names if name in statistics["type"]],
        ),
        "",
        *_table(
            ("source", "pairs", "real"),
            [
                (sources.found[name].title, f"{count:,}", "yes" if sources.found[name].real else "no")
                for name, count in statistics["source"].items()
            ],
        ),
        "",
        "## Terms of use",
        "",
        "Every pair has the terms of its source in `licence`; the engine adds none of its own. `commercial` is null",
        "where authors do not say, which permits nothing.",
        "",
        *_table(
            ("licence", "pairs", "commercial use"),
            [
                (name, f"{statistics['licence'][name]:,}", {True: "yes", False: "no", None: "not stated"}[terms[name]])
                for name in used
            ],
        ),
        "",
        "## What is missing",
        "",
        *([f"- {note}" for note in facts["notes"]] or ["Nothing: all that the recipe names was there."]),
        "",
    ]


def _type_row(name: str, plan: Plan, statistics: Mapping[str, Any]) -> tuple[str, ...]:
    shares = [share for share in plan.shares if share.component.type == name]
    levels = len([level for level in statistics["levels"][name] if level.isdigit()])
    mean = statistics["psnr"][name].get("mean")
    return (
        CATALOGUE[name].title,
        f"{statistics['type'][name]:,}",
        f"{sum(share.paired for share in shares):,}",
        f"{sum(share.engine for share in shares):,}",
        str(levels),
        "-" if mean is None else f"{mean:.1f}",
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---", *("---:" for _ in head[1:])), *map(_plain, rows))]


def _plain(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(" ".join(cell.replace("|", "/").split()) for cell in row)


def _gallery(out: Path) -> bytes:
    """A picture with a line for each type, each with a few pairs, clean and damaged side by side."""
    with open_parquet(out / MANIFEST) as file:
        table = read_columns(file, out / MANIFEST, ("type", "shard", "row"))
    kinds = [name for name in CATALOGUE.names if name in set(pc.unique(table["type"]).to_pylist())]
    label = 18
    picture = Image.new("RGB", (2 * SHOWN * (SIDE + 4), len(kinds) * (SIDE + label + 4)), "white")
    draw = ImageDraw.Draw(picture)
    for line, kind in enumerate(kinds):
        top = line * (SIDE + label + 4)
        draw.text((2, top + 2), CATALOGUE[kind].title, fill="black")
        places = pc.indices_nonzero(pc.equal(table["type"], kind)).to_pylist()
        for column, place in enumerate(places[:: max(len(places) // SHOWN, 1)][:SHOWN]):
            pair = _images(out, table["shard"][place].as_py(), table["row"][place].as_py())
            for side, image in enumerate(pair):
                picture.paste(image, ((2 * column + side) * (SIDE + 4) + 2 * (1 - side), top + label))
    data = io.BytesIO()
    picture.save(data, "WEBP", quality=85)
    return data.getvalue()


def _images(out: Path, shard: str, row: int) -> list[Image.Image]:
    path = out / "data" / shard
    with open_parquet(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        group = 0
        while row >= sizes[group]:
            row -= sizes[group]
            group += 1
        table = read_columns(file, path, IMAGES, group)
    found = []
    for name in IMAGES:
        image = to_pil(decode_image(table[name][row].as_py()["bytes"], f"{path}, {name}").pixels)
        image.thumbnail((SIDE, SIDE))
        found.append(image)
    return found
