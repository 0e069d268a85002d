"""What a shard looks like: columns, and how they lie in a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

GROUP = 32
"""Rows of a row group, which is what most readers read to get at one row; ours does not, and opens fewer faster."""

SPLIT = "train"
"""The one split of a data set that is built."""

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""An image, as the ``datasets`` library stores it."""

IMAGES = ("clean", "degraded")

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("clean", IMAGE),
        ("degraded", IMAGE),
        ("type", pa.string()),
        ("types", pa.list_(pa.string())),
        ("level", pa.int32()),
        ("degradation", pa.string()),
        ("seed", pa.int64()),
        ("split", pa.string()),
        ("source", pa.string()),
        ("image", pa.string()),
        ("real", pa.bool_()),
        ("made_by", pa.string()),
        ("licence", pa.string()),
        ("commercial", pa.bool_()),
        ("psnr", pa.float32()),
        ("sha256", pa.string()),
        ("clean_sha256", pa.string()),
    ]
)
"""Columns and their types; ``Row`` says what is in them."""


class Row(NamedTuple):
    """A pair."""

    key: str
    """Unique: component, source, image and number, with ``/`` between."""
    clean: bytes
    """PNG file of the clean image."""
    degraded: bytes
    """PNG file of the damaged one."""
    type: str
    """Name in the catalogue."""
    types: tuple[str, ...]
    """Basic types that come together in the damage."""
    level: int | None
    """Place in ``CATALOGUE[type].levels``; None for pairs of data sets."""
    degradation: str | None
    """That level as JSON; with ``seed`` it makes ``degraded`` from ``clean`` again."""
    seed: int | None
    """Of the damage."""
    source: str
    """Data set, folder or ``embedded``."""
    image: str
    """Which image of the source it is from."""
    real: bool
    """Whether the damage was photographed."""
    made_by: str
    """``pair`` or ``engine``."""
    licence: str
    """Terms of the source."""
    commercial: bool | None
    """Whether they allow commercial use; None where nobody knows."""
    psnr: float
    """Of the damaged image to the clean one, in dB; infinite where they are the same."""
    sha256: str
    """Of the file of the damaged image."""
    clean_sha256: str
    """Of that of the clean one."""


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Writes rows to a Parquet file; the same rows give the same bytes, with the same version of pyarrow.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    schema = SCHEMA.with_metadata({"huggingface": json.dumps({"info": {"features": _features()}})})
    plain = [f"{name}.{part}" for name in IMAGES for part in ("bytes", "path")]
    names = [field.name for field in SCHEMA if field.name not in IMAGES and field.name != "types"]
    options: dict[str, Any] = {
        # PNG does not get smaller by being compressed again, and statistics of it are of no use.
        "compression": {**dict.fromkeys((*names, "types.list.element"), "ZSTD"), **dict.fromkeys(plain, "NONE")},
        "use_dictionary": ["type", "types.list.element", "split", "source", "made_by", "licence", "degradation"],
        "write_statistics": names,
    }
    with pq.ParquetWriter(path, schema, **options) as writer:
        for start in range(0, len(rows), GROUP):
            writer.write_table(_columns(rows[start : start + GROUP], schema), row_group_size=GROUP)


def without_images() -> list[str]:
    """Names of the columns that are not images."""
    return [field.name for field in SCHEMA if field.name not in IMAGES]


def _columns(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name in Row._fields}
    for name in IMAGES:
        columns[name] = [{"bytes": data, "path": None} for data in columns[name]]
    columns["split"] = [SPLIT] * len(rows)
    return pa.table(columns, schema=schema)


def _features() -> dict[str, Any]:
    # As ``datasets.Features`` writes itself.
    kinds: dict[str, Any] = {}
    for field in SCHEMA:
        if field.name in IMAGES:
            kinds[field.name] = {"_type": "Image"}
        elif pa.types.is_list(field.type):
            kinds[field.name] = {"feature": _value(field.type.value_type), "_type": "List"}
        else:
            kinds[field.name] = _value(field.type)
    return kinds


def _value(kind: pa.DataType) -> dict[str, str]:
    return {"dtype": {"float": "float32"}.get(str(kind), str(kind)), "_type": "Value"}
