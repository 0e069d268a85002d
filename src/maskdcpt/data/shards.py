"""Pairs inside Parquet files, as the Hugging Face ``datasets`` library writes them, read by random access."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.data.config import DataConfig, SourceConfig
from maskdcpt.data.pairs import CACHE, Pair
from maskdcpt.data.sources import CachedImages
from maskdcpt.data.tables import DESCRIPTION, Rows, open_parquet, read_columns
from maskdcpt.errors import UserError
from maskdcpt.images import decode_image, read_image

SPLIT = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}")
"""How ``datasets`` names its files: ``train-00000-of-00012.parquet``."""

IMAGES = ("clean", "degraded")
"""Columns of images: ``{bytes, path}``, the content of a file or, without it, where one is."""

PARTS = {"bytes", "path"}
"""Fields of an image."""

GROUPS = 4
"""Row groups that a process keeps as they are on disk."""


class ShardPairs:
    """The pairs of all Parquet files in a folder and below it.

    A row without a damaged image is damaged as its ``degradation`` says, or else by a level of its type or, where it
    has none either, by any.

    Reading a row takes its whole row group from the disk; files meant for this have few rows in each.

    Args:
        folder: The folder.
        source: Says which rows are taken.
        config: Says what types there are.
        limit: Bytes of images to keep in memory.

    Raises:
        UserError: If there is no such file or one is damaged, or the rows do not fit the configuration.
    """

    def __init__(self, folder: Path, source: SourceConfig, config: DataConfig, limit: int = CACHE) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder}: {'a file, not a folder' if folder.exists() else 'no such folder'}")
        files = sorted(path for path in folder.rglob("*.parquet") if not path.name.startswith("."))
        if not files:
            raise UserError(f"{folder}: no Parquet files here")
        parts = [_describe(path) for path in files]
        table = pa.concat_tables([part.table for part in parts], promote_options="permissive")
        paired = np.concatenate([part.paired for part in parts])
        self._rows = Rows(table, paired, source, config, folder)
        self._paired = paired[self._rows.numbers]
        contents = _Contents(folder, files, [part.groups for part in parts])
        self._clean, self._degraded = (
            CachedImages(_Column(self._rows, contents, column), limit // 2) for column in IMAGES
        )
        self._contents = contents
        self.labels = self._rows.labels

    @property
    def names(self) -> list[str]:
        """The keys of the rows."""
        return self._rows.names

    def __getitem__(self, index: int) -> Pair:
        degraded = self._degraded[index] if self._paired[index] else None
        place = self._contents.place(int(self._rows.numbers[index]))
        return self._rows.pair(index, self._clean[index], degraded, place)


class _Part(NamedTuple):
    table: pa.Table
    """What the rows of a file are."""
    paired: NDArray[np.bool_]
    """Which of them have a damaged image."""
    groups: list[int]
    """Rows in each of its groups."""


def _describe(path: Path) -> _Part:
    with open_parquet(path) as file:
        schema = file.schema_arrow
        if "clean" not in schema.names:
            raise UserError(f"{path}: no column 'clean' with images; columns here: {', '.join(schema.names)}")
        for name in set(IMAGES) & set(schema.names):
            kind = schema.field(name).type
            if not pa.types.is_struct(kind) or {kind.field(child).name for child in range(kind.num_fields)} != PARTS:
                raise UserError(f"{path}: the column {name!r} holds {kind}, and not images as {{bytes, path}}")
        # Of images only the paths are read, which also tell where there is none.
        table = read_columns(file, path, (*DESCRIPTION, *(f"{name}.path" for name in IMAGES)))
        groups = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    paired = np.zeros(table.num_rows, bool)
    if "degraded" in table.column_names:
        paired = table.column("degraded").is_valid().to_numpy()
    if "split" not in table.column_names:
        named = SPLIT.match(path.name)
        table = table.append_column("split", pa.array([named and named["split"]] * table.num_rows, pa.string()))
    return _Part(table.drop_columns([name for name in IMAGES if name in table.column_names]), paired, groups)


class _Contents:
    """The images of all rows of all files, by the number of the row."""

    def __init__(self, folder: Path, files: list[Path], groups: list[list[int]]) -> None:
        self._folder = folder
        self._files = files
        # Row numbers at which groups end, over all files, and where each group is.
        self._ends = np.cumsum([rows for sizes in groups for rows in sizes])
        self._groups = [(file, group) for file, sizes in enumerate(groups) for group in range(len(sizes))]
        self._open: dict[int, pq.ParquetFile] = {}
        self._recent: OrderedDict[int, pa.Table] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        # Every process opens files of its own.
        return self.__dict__ | {"_open": {}, "_recent": OrderedDict()}

    def place(self, number: int) -> str:
        """Where a row is, for messages."""
        group, row = self._find(number)
        file, place = self._groups[group]
        return f"{self._files[file]}: row {row + 1} of row group {place + 1}"

    def image(self, number: int, column: str) -> Tensor:
        """An image of a row.

        Raises:
            UserError: If it is missing or damaged.
        """
        group, row = self._find(number)
        value = self._group(group).column(column)[row].as_py() or {}
        name = f"{self.place(number)}, {column}"
        if value.get("bytes"):
            return decode_image(value["bytes"], name).pixels
        if value.get("path"):
            return read_image(self._folder / value["path"]).pixels
        raise UserError(f"{name}: neither bytes of an image nor a path")

    def _find(self, number: int) -> tuple[int, int]:
        group = int(np.searchsorted(self._ends, number, side="right"))
        return group, number - int(self._ends[group - 1] if group else 0)

    def _group(self, group: int) -> pa.Table:
        if group not in self._recent:
            file, place = self._groups[group]
            if file not in self._open:
                self._open[file] = open_parquet(self._files[file])
            self._recent[group] = read_columns(self._open[file], self._files[file], IMAGES, place)
            while len(self._recent) > GROUPS:
                self._recent.popitem(last=False)
        self._recent.move_to_end(group)
        return self._recent[group]


class _Column:
    """One column of images of the rows that are taken."""

    def __init__(self, rows: Rows, contents: _Contents, column: str) -> None:
        self._rows, self._contents, self._column = rows, contents, column

    @property
    def names(self) -> list[str]:
        return self._rows.names

    def __getitem__(self, index: int) -> Tensor:
        return self._contents.image(int(self._rows.numbers[index]), self._column)
