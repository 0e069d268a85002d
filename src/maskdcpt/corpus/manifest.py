"""The table of all pairs without their images, and what can be counted in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maskdcpt.corpus.table import SCHEMA, without_images
from maskdcpt.data.tables import open_parquet, read_columns
from maskdcpt.files import atomic_file
from maskdcpt.progress import progress_bar

MANIFEST = Path("manifest") / "manifest.parquet"
"""Where it is in the folder of a data set."""

COUNTED = ("type", "source", "made_by", "real", "licence", "commercial")
"""Columns whose values are counted."""


def write_manifest(out: Path, files: Sequence[str], *, progress: bool = True) -> dict[str, Any]:
    """Puts the manifest together from the shards.

    Args:
        out: Folder of the data set.
        files: Names of the shards, in order.
        progress: Whether to show a bar.

    Returns:
        How often each value of ``COUNTED`` occurs, each level of each type, and the PSNR of each type.

    Raises:
        UserError: If a shard is damaged.
        OSError: If the disk is full or the file cannot be written.
    """
    names = without_images()
    kept = [SCHEMA.field(name) for name in names]
    schema = pa.schema([*kept, ("shard", pa.string()), ("row", pa.int32())])
    counts: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
    levels: dict[str, Counter[str]] = {}
    psnr: dict[str, _Spread] = {}
    path = out / MANIFEST
    path.parent.mkdir(exist_ok=True)
    with (
        progress_bar(total=len(files), title="manifest", unit="shard", show=progress and len(files) > 50) as bar,
        atomic_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for name in files:
            with open_parquet(out / "data" / name) as file:
                table = read_columns(file, out / "data" / name, names)
            rows = pa.array(np.arange(table.num_rows, dtype=np.int32))
            table = table.append_column("shard", pa.array([name] * table.num_rows)).append_column("row", rows)
            writer.write_table(table.cast(schema))
            for column, counter in counts.items():
                counter.update("not stated" if value is None else str(value) for value in table[column].to_pylist())
            for kind, level, decibels in zip(
                *(table[each].to_pylist() for each in ("type", "level", "psnr")), strict=True
            ):
                levels.setdefault(kind, Counter())["pairs of data sets" if level is None else str(level)] += 1
                psnr.setdefault(kind, _Spread()).add(decibels)
            bar.update()
    return {
        **{name: dict(sorted(counter.items())) for name, counter in counts.items()},
        "levels": {kind: dict(sorted(found.items(), key=_by_number)) for kind, found in sorted(levels.items())},
        "psnr": {kind: found.summary() for kind, found in sorted(psnr.items())},
    }


def _by_number(item: tuple[str, int]) -> tuple[int, str]:
    return (int(item[0]) if item[0].isdigit() else -1, item[0])


class _Spread:
    """Mean and ends of numbers that come one by one; infinite ones are counted apart."""

    def __init__(self) -> None:
        self.count, self.total, self.infinite, self.low, self.high = 0, 0.0, 0, math.inf, -math.inf

    def add(self, value: float) -> None:
        if math.isinf(value):
            self.infinite += 1
            return
        self.count += 1
        self.total += value
        self.low, self.high = min(self.low, value), max(self.high, value)

    def summary(self) -> dict[str, float | int]:
        """In dB, to a hundredth."""
        if not self.count:
            return {"undamaged": self.infinite}
        values = {"mean": self.total / self.count, "lowest": self.low, "highest": self.high}
        return {**{name: round(value, 2) for name, value in values.items()}, "undamaged": self.infinite}
