"""Pairs inside Parquet files, as the Hugging Face ``datasets`` library writes them, read by random access."""

from __future__ import annotations

import os
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
from maskdcpt.data.sources import CachedImages, CleanImages
from maskdcpt.data.stored import Chunk, find_value, plain_chunk
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
"""Row groups that a process keeps, of those that have to be read as a whole."""

OPEN = 16
"""Files that a process keeps open for them."""


class ShardPairs:
    """The pairs of all Parquet files in a folder and below it.

    A row without a damaged image is damaged as its ``degradation`` says, or else by a level of its type or, where it
    has none either, by any.

    Images that are stored as they are, without a dictionary or compression of the column, are read alone. Otherwise
    reading a row takes its whole row group from the disk; files meant for this have few rows in each. Where all images
    together take more than ``limit`` even compressed, none are kept, for hardly one would be asked for again in time.

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
        self._contents = _Contents(folder, files, parts)
        self._clean, self._degraded = (self._images(column, limit) for column in IMAGES)
        self.labels = self._rows.labels

    @property
    def names(self) -> list[str]:
        """The keys of the rows."""
        return self._rows.names

    def __getitem__(self, index: int) -> Pair:
        degraded = self._degraded[index] if self._paired[index] else None
        place = self._contents.place(int(self._rows.numbers[index]))
        return self._rows.pair(index, self._clean[index], degraded, place)

    def _images(self, column: str, limit: int) -> CleanImages:
        images = _Column(self._rows, self._contents, column)
        return images if self._contents.bytes > limit else CachedImages(images, limit // 2)


class _Part(NamedTuple):
    table: pa.Table
    """What the rows of a file are."""
    paired: NDArray[np.bool_]
    """Which of them have a damaged image."""
    groups: list[_Group]
    """Its row groups."""


class _Group(NamedTuple):
    rows: int
    """Number of its rows."""
    chunks: tuple[Chunk | None, ...]
    """Where its images of each column of ``IMAGES`` are; None where they do not stand there as they are."""
    bytes: int
    """Size on the disk."""


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
        groups = [_describe_group(file, group) for group in range(file.metadata.num_row_groups)]
    paired = np.zeros(table.num_rows, bool)
    if "degraded" in table.column_names:
        paired = table.column("degraded").is_valid().to_numpy()
    if "split" not in table.column_names:
        named = SPLIT.match(path.name)
        table = table.append_column("split", pa.array([named and named["split"]] * table.num_rows, pa.string()))
    return _Part(table.drop_columns([name for name in IMAGES if name in table.column_names]), paired, groups)


def _describe_group(file: pq.ParquetFile, number: int) -> _Group:
    group = file.metadata.row_group(number)
    chunks = tuple(plain_chunk(file, number, f"{name}.bytes") for name in IMAGES)
    return _Group(group.num_rows, chunks, group.total_byte_size)


class _Contents:
    """The images of all rows of all files, by the number of the row."""

    def __init__(self, folder: Path, files: list[Path], parts: list[_Part]) -> None:
        self._folder = folder
        self._files = files
        groups = [group for part in parts for group in part.groups]
        # Row numbers at which groups end, over all files, and which file each group is in, and where.
        self._ends = np.cumsum([group.rows for group in groups])
        self._file = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.groups) for part in parts])
        self._number = np.concatenate([np.arange(len(part.groups), dtype=np.int32) for part in parts])
        # By group and column what ``Chunk`` says, without a size where images do not stand in the file as they are.
        chunks = [[chunk or (0, 0, 0) for chunk in group.chunks] for group in groups]
        self._chunks = np.array(chunks, np.int64).reshape(len(groups), len(IMAGES), len(Chunk._fields))
        self.bytes = sum(group.bytes for group in groups)
        """Size of all images on the disk, about."""
        self._open: OrderedDict[int, pq.ParquetFile] = OrderedDict()
        self._recent: OrderedDict[int, pa.Table] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        # Every process opens files of its own.
        return self.__dict__ | {"_open": OrderedDict(), "_recent": OrderedDict()}

    def place(self, number: int) -> str:
        """Where a row is, for messages."""
        group, row = self._find(number)
        return f"{self._files[self._file[group]]}: row {row + 1} of row group {self._number[group] + 1}"

    def image(self, number: int, column: str) -> Tensor:
        """An image of a row.

        Raises:
            UserError: If it is missing or damaged.
        """
        group, row = self._find(number)
        data = self._stored(group, row, column)
        path = None
        if data is None:
            value = self._group(group).column(column)[row].as_py() or {}
            data, path = value.get("bytes"), value.get("path")
        name = f"{self.place(number)}, {column}"
        if data:
            picture = decode_image(data, name)
        elif path:
            picture = read_image(self._folder / path)
        else:
            raise UserError(f"{name}: neither bytes of an image nor a path")
        return picture.pixels.mul(255).round().div(255) if picture.deep else picture.pixels

    def _stored(self, group: int, row: int, column: str) -> bytes | None:
        """The bytes of an image that is stored as it is."""
        chunk = Chunk(*self._chunks[group, IMAGES.index(column)].tolist())
        if not chunk.size:
            return None
        path = self._files[self._file[group]]
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
                self._open[file] = open_parquet(self._files[file])
                while len(self._open) > OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(file)
            number = int(self._number[group])
            self._recent[group] = read_columns(self._open[file], self._files[file], IMAGES, number)
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
