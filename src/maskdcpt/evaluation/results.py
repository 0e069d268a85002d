"""Rows of results: one a test set, image, damage, arm and metric, or without image and damage for a whole set."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from maskdcpt.errors import UserError
from maskdcpt.files import write_csv, write_whole

PARQUET = "rows.parquet"
CSV = "rows.csv"


@dataclass(frozen=True)
class Measurement:
    """What one metric says of one image."""

    protocol: str
    """Name and version."""
    group: str
    """Group of tasks."""
    task: str
    """Task of the test set."""
    set: str
    """Test set."""
    variant: str
    """``canonical``, or ``published`` for a set that repeats a quirk of the published evaluation."""
    image: str
    """Name of the image in the set; empty where the metric judges the set as a whole."""
    type: str
    """Type of damage, empty where it is not known, and of whole sets."""
    level: str
    """The damage as text, empty where it was found on the disk."""
    arm: str
    """``input``, or what restored it."""
    predicted: str
    """Type of damage that the arm names, empty where it names none."""
    metric: str
    """Name of the metric."""
    value: float
    """What it says."""
    sha256: str = ""
    """Hash of the weights that restored the image; empty where none did, and for images that another tool restored."""


_SCHEMA = pa.schema(
    [(item.name, pa.float64() if item.name == "value" else pa.string()) for item in fields(Measurement)]
)


def write_measurements(folder: Path, rows: Sequence[Measurement]) -> None:
    """Writes ``rows.csv`` and ``rows.parquet``, each whole or not at all; the same rows give the same bytes.

    Raises:
        OSError: If the disk is full or a file cannot be written.
    """
    data = io.BytesIO()
    columns = {item.name: [getattr(row, item.name) for row in rows] for item in fields(Measurement)}
    pq.write_table(pa.table(columns, schema=_SCHEMA), data, compression="zstd")
    write_whole(folder / PARQUET, data.getbuffer())
    write_csv(folder / CSV, Measurement, rows)


def read_measurements(folder: Path) -> list[Measurement]:
    """The rows of a folder of results; a column that was not yet written when they were made is empty.

    Raises:
        UserError: If there are none, or the file is damaged.
    """
    path = folder / PARQUET
    if not path.is_file():
        raise UserError(f"{folder}: no results; `maskdcpt evaluate --out {folder}` makes {PARQUET}")
    try:
        rows = pq.read_table(path, schema=_SCHEMA).to_pylist()
        return [Measurement(**{name: cell for name, cell in row.items() if cell is not None}) for row in rows]
    except (pa.ArrowException, OSError, TypeError) as error:
        raise UserError(f"{path}: not rows of results ({' '.join(str(error).split())[:200]})") from None
