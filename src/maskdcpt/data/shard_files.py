"""Parquet files with images in them: what their rows say, and each image by the number of its row."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.data.stored import Chunk, find_value, plain_chunk
from maskdcpt.data.tables import open_parquet, read_columns
from maskdcpt.datasets.tree import inside
from maskdcpt.errors import UserError
from maskdcpt.images import decode_image, read_image
from maskdcpt.progress import progress_bar

SPLIT = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}")
"""How ``datasets`` names its files: ``train-00000-of-00012.parquet``."""

IMAGES = ("clean", "degraded")
"""Columns of images: ``{bytes, path}``, the content of a file or, without it, where one is."""

PARTS = {"bytes", "path"}
"""Fields of an image."""

GROUPS = 4
"""Row groups that a process keeps, of those that have to be read as a whole."""

OPEN = 16
"""Files that a process keeps open for them."""


class ShardFiles:
    """All Parquet files in a folder and below it.

    Images that are stored as they are, without a dictionary or compression of the column, are read alone. Otherwise
    reading one takes its whole row group from the disk.

    Args:
        folder: The folder.
        columns: What of the rows is read, besides their images: as many of these as there are, and ``split``.
        progress: Whether to show a bar.

    Raises:
        UserError: If there is no such file or one is damaged.
    """

    def __init__(self, folder: Path, columns: Sequence[str], *, progress: bool = False) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder}: {'a file, not a folder' if folder.exists() else 'no such folder'}")
        self.paths = sorted(path for path in folder.rglob("*.parquet") if not path.name.startswith("."))
        """The files, in the order of their rows."""
        if not self.paths:
            raise UserError(f"{folder}: no Parquet files here")
        self._folder = folder
        parts = []
        with progress_bar(total=len(self.paths), title="shards", unit="shard", show=progress) as bar:
            for path in self.paths:
                parts.append(_describe(path, columns))
                bar.update()
        self.table = pa.concat_tables([part.table for part in parts], promote_options="permissive")
        """What the rows say."""
        self.paired = np.concatenate([part.paired for part in parts])
        """Which rows have a damaged image."""
        self.rows = [len(part.paired) for part in parts]
        """Number of rows of each file."""
        self.columns = tuple(dict.fromkeys(name for part in parts for name in part.columns))
        """Names of all columns that any file has."""
        groups = [group for part in parts for group in part.groups]
        # Row numbers at which groups end, over all files, and which file each group is in, and where.
        self._ends = np.cumsum([group.rows for group in groups])
        self._file = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.groups) for part in parts])
        self._number = np.concatenate([np.arange(len(part.groups), dtype=np.int32) for part in parts])
        # By group and column what ``Chunk`` says, without a size where images do not stand in the file as they are.
        chunks = [[chunk or (0, 0, 0) for chunk in group.chunks] for group in groups]
        self._chunks = np.array(chunks, np.int64).reshape(len(groups), len(IMAGES), len(Chunk._fields))
        self.bytes = sum(group.bytes for group in groups)
        """Size of all rows on the disk, about."""
        self._open: OrderedDict[int, pq.ParquetFile] = OrderedDict()
        self._recent: OrderedDict[int, pa.Table] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        # Every process opens files of its own.
        return self.__dict__ | {"_open": OrderedDict(), "_recent": OrderedDict()}

    def place(self, number: int) -> str:
        """Where a row is, for messages."""
        group, row = self._find(number)
        return f"{self.paths[self._file[group]]}: row {row + 1} of row group {self._number[group] + 1}"

    def image(self, number: int, column: str) -> Tensor:
        """An image of a row.

        Raises:
            UserError: If it is missing or damaged.
        """
        name = f"{self.place(number)}, {column}"
        data = self.content(number, column)
        if data is not None:
            picture = decode_image(data, name)
        else:
            path = self._value(number, column).get("path")
            if not path:
                raise UserError(f"{name}: neither bytes of an image nor a path")
            picture = read_image(inside(self._folder, path, name))
        return picture.pixels.mul(255).round().div(255) if picture.deep else picture.pixels

    def content(self, number: int, column: str) -> bytes | None:
        """The file of an image of a row; None if there is none in the row.

        Raises:
            UserError: If it cannot be read.
        """
        group, row = self._find(number)
        data = self._stored(group, row, column)
        return (self._value(number, column).get("bytes") if data is None else data) or None

    def _value(self, number: int, column: str) -> dict[str, Any]:
        group, row = self._find(number)
        return self._group(group).column(column)[row].as_py() or {}

    def _stored(self, group: int, row: int, column: str) -> bytes | None:
        """The bytes of an image that is stored as it is."""
        chunk = Chunk(*self._chunks[group, IMAGES.index(column)].tolist())
        if not chunk.size:
            return None
        path = self.paths[self._file[group]]
        try:
            with path.open("rb", buffering=0) as file:
                number = file.fileno()

                def read(place: int, count: int) -> bytes:
                    return os.pread(number, count, place)

                found = find_value(read, chunk, row)
                return None if found is None else os.pread(number, found.size, found.start)
        except FileNotFoundError:
            raise UserError(f"{path}: no such file") from None
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from None

    def _find(self, number: int) -> tuple[int, int]:
        group = int(np.searchsorted(self._ends, number, side="right"))
        return group, number - int(self._ends[group - 1] if group else 0)

    def _group(self, group: int) -> pa.Table:
        if group not in self._recent:
            file = int(self._file[group])
            if file not in self._open:
                self._open[file] = open_parquet(self.paths[file])
                while len(self._open) > OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(file)
            number = int(self._number[group])
            self._recent[group] = read_columns(self._open[file], self.paths[file], IMAGES, number)
            while len(self._recent) > GROUPS:
                self._recent.popitem(last=False)
        self._recent.move_to_end(group)
        return self._recent[group]


class _Part(NamedTuple):
    table: pa.Table
    """What the rows of a file are."""
    paired: NDArray[np.bool_]
    """Which of them have a damaged image."""
    groups: list[_Group]
    """Its row groups."""
    columns: list[str]
    """Names of all its columns."""


class _Group(NamedTuple):
    rows: int
    """Number of its rows."""
    chunks: tuple[Chunk | None, ...]
    """Where its images of each column of ``IMAGES`` are; None where they do not stand there as they are."""
    bytes: int
    """Size on the disk."""


def _describe(path: Path, columns: Sequence[str]) -> _Part:
    with open_parquet(path) as file:
        schema = file.schema_arrow
        if "clean" not in schema.names:
            raise UserError(f"{path}: no column 'clean' with images; columns here: {', '.join(schema.names)}")
        for name in set(IMAGES) & set(schema.names):
            kind = schema.field(name).type
            if not pa.types.is_struct(kind) or {kind.field(child).name for child in range(kind.num_fields)} != PARTS:
                raise UserError(f"{path}: the column {name!r} holds {kind}, and not images as {{bytes, path}}")
        # Of images only the paths are read, which also tell where there is none.
        table = read_columns(file, path, (*columns, *(f"{name}.path" for name in IMAGES)))
        groups = [_describe_group(file, group) for group in range(file.metadata.num_row_groups)]
    paired = np.zeros(table.num_rows, bool)
    if "degraded" in table.column_names:
        paired = table.column("degraded").is_valid().to_numpy()
    if "split" not in table.column_names:
        named = SPLIT.match(path.name)
        table = table.append_column("split", pa.array([named and named["split"]] * table.num_rows, pa.string()))
    table = table.drop_columns([name for name in IMAGES if name in table.column_names])
    return _Part(table, paired, groups, schema.names)


def _describe_group(file: pq.ParquetFile, number: int) -> _Group:
    group = file.metadata.row_group(number)
    chunks = tuple(plain_chunk(file, number, f"{name}.bytes") for name in IMAGES)
    return _Group(group.num_rows, chunks, group.total_byte_size)
