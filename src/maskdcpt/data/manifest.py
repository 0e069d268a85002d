"""Pairs that a manifest lists: a Parquet file, one row a pair, with paths relative to itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from torch import Tensor

from maskdcpt.data.config import DataConfig, SourceConfig
from maskdcpt.data.pairs import CACHE, Pair
from maskdcpt.data.sources import CachedImages
from maskdcpt.data.tables import DESCRIPTION, Rows, open_parquet, read_columns
from maskdcpt.errors import UserError
from maskdcpt.images import read_image

LEADS_OUT = r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)"
"""Paths that are absolute or have ``..`` in them, on any system."""


class ManifestPairs:
    """The pairs of a manifest: the columns ``clean`` and ``degraded`` hold paths, ``DESCRIPTION`` names the others.

    A row without a damaged image is damaged as its ``degradation`` says, or else by a level of its type.

    Args:
        path: The manifest.
        source: Says which rows are taken.
        config: Says what types there are.
        limit: Bytes of images to keep in memory.

    Raises:
        UserError: If the file is missing or no manifest, or its rows do not fit the configuration.
    """

    def __init__(self, path: Path, source: SourceConfig, config: DataConfig, limit: int = CACHE) -> None:
        with open_parquet(path) as file:
            table = read_columns(file, path, ("clean", "degraded", *DESCRIPTION))
        if "clean" not in table.column_names or table.column("clean").null_count:
            raise UserError(f"{path}: every row of a manifest needs the path of its image in the column 'clean'")
        for name in ("clean", "degraded"):
            if name in table.column_names:
                _require_below(table.column(name), name, path)
        damaged = table.column("degraded").is_valid() if "degraded" in table.column_names else None
        paired = np.zeros(table.num_rows, bool) if damaged is None else damaged.to_numpy()
        self._rows = Rows(table, paired, source, config, path)
        self._degraded_files = _Files(self._rows, "degraded", path.parent)
        self._clean = CachedImages(_Files(self._rows, "clean", path.parent), limit // 2)
        self._degraded = CachedImages(self._degraded_files, limit // 2)
        self.labels = self._rows.labels

    @property
    def names(self) -> list[str]:
        """The keys of the rows."""
        return self._rows.names

    def __getitem__(self, index: int) -> Pair:
        clean = self._clean[index]
        damaged = None if self._rows.value("degraded", index) is None else self._degraded[index]
        return self._rows.pair(index, clean, damaged, self._degraded_files.path(index))


def _require_below(names: pa.ChunkedArray, column: str, path: Path) -> None:
    # A manifest from somewhere else could have any file of the machine read.
    outside = pc.match_substring_regex(names.cast(pa.string()), LEADS_OUT).fill_null(False)
    if pc.any(outside).as_py():
        first = names.filter(outside)[0].as_py()
        raise UserError(f"{path}: {column} is {first!r}; paths lie below the manifest, without .. and not absolute")


class _Files:
    """The files that a column names."""

    def __init__(self, rows: Rows, column: str, folder: Path) -> None:
        self._rows, self._column, self._folder = rows, column, folder

    @property
    def names(self) -> list[str]:
        return self._rows.names

    def path(self, index: int) -> Path:
        return self._folder / str(self._rows.value(self._column, index))

    def __getitem__(self, index: int) -> Tensor:
        return read_image(self.path(index)).pixels
