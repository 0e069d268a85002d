"""Pairs inside Parquet files, as the Hugging Face ``datasets`` library writes them, read by random access."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from maskdcpt.data.config import DataConfig, SourceConfig
from maskdcpt.data.pairs import CACHE, Pair
from maskdcpt.data.shard_files import IMAGES, ShardFiles
from maskdcpt.data.sources import CachedImages, CleanImages
from maskdcpt.data.tables import DESCRIPTION, Rows

RARELY = 4
"""How much larger than the memory for them images are of which none is kept."""


class ShardPairs:
    """The pairs of all Parquet files in a folder and below it.

    A row without a damaged image is damaged as its ``degradation`` says, or else by a level of its type or, where it
    has none either, by any.

    Where all images together take more than ``RARELY`` times ``limit`` even compressed, none are kept: hardly one would
    be asked for again in time, and to keep one takes a tenth of the time that decoding it takes.

    Args:
        folder: The folder.
        source: Says which rows are taken.
        config: Says what types there are.
        limit: Bytes of images to keep in memory.

    Raises:
        UserError: If there is no such file or one is damaged, or the rows do not fit the configuration.
    """

    def __init__(self, folder: Path, source: SourceConfig, config: DataConfig, limit: int = CACHE) -> None:
        self._files = ShardFiles(folder, DESCRIPTION)
        self._rows = Rows(self._files.table, self._files.paired, source, config, folder)
        self._paired = self._files.paired[self._rows.numbers]
        del self._files.table  # what the rows hold of it is enough
        self._clean, self._degraded = (self._images(column, limit) for column in IMAGES)
        self.labels = self._rows.labels

    @property
    def names(self) -> list[str]:
        """The keys of the rows."""
        return self._rows.names

    def __getitem__(self, index: int) -> Pair:
        degraded = self._degraded[index] if self._paired[index] else None
        place = self._files.place(int(self._rows.numbers[index]))
        return self._rows.pair(index, self._clean[index], degraded, place)

    def _images(self, column: str, limit: int) -> CleanImages:
        images = _Column(self._rows, self._files, column)
        return images if self._files.bytes > RARELY * limit else CachedImages(images, limit // 2)


class _Column:
    """One column of images of the rows that are taken."""

    def __init__(self, rows: Rows, files: ShardFiles, column: str) -> None:
        self._rows, self._files, self._column = rows, files, column

    @property
    def names(self) -> list[str]:
        return self._rows.names

    def __getitem__(self, index: int) -> Tensor:
        return self._files.image(int(self._rows.numbers[index]), self._column)
