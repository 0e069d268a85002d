"""Rows that describe pairs: which of them are taken, of what type each is, and what is known of its damage."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.data.config import DataConfig, SourceConfig
from maskdcpt.data.labels import basic_types
from maskdcpt.data.pairs import ANY, Pair, require_one_size
from maskdcpt.degradations import CATALOGUE, Level, apply, from_dict
from maskdcpt.errors import UserError, naming, nearest

DESCRIPTION = ("key", "type", "types", "degradation", "seed", "split")
"""Columns that say what a row is. All may be missing; others, such as level, source, licence and sha256, are not read.

``type`` is one of ``data.types``. ``types`` lists the basic types in the damage; a single one serves as ``type``.
``degradation`` is a level as JSON text, ``{"type": "haze", "beta": 0.1, "airlight": 0.9}``. With ``seed`` it says
exactly what the damaged image is, without it the random part is drawn anew each time.
"""

TRAIN = "train"
"""The split that is taken where none is named."""


def open_parquet(path: Path) -> pq.ParquetFile:
    """Opens a Parquet file, for the columns and rows that are asked for.

    Raises:
        UserError: If it is missing or no such file.
    """
    try:
        return pq.ParquetFile(path, memory_map=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a Parquet file that can be read ({_reason(error)})") from None


def read_columns(file: pq.ParquetFile, path: Path, names: Sequence[str], group: int | None = None) -> pa.Table:
    """Reads those of some columns that a file has.

    Args:
        file: What ``open_parquet`` gave.
        path: Its place.
        names: The columns; ``column.field`` for a field of one.
        group: The only row group to read.

    Raises:
        UserError: If the file is damaged.
    """
    present = [name for name in names if name.split(".")[0] in file.schema_arrow.names]
    try:
        if group is None:
            return file.read(present, use_threads=False)
        return file.read_row_group(group, present, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: damaged ({_reason(error)}); a whole copy is needed") from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


class Rows:
    """The rows of a table that a source takes.

    Args:
        table: Columns of ``DESCRIPTION``, as many as there are, and any others.
        paired: Whether rows have a damaged image, one flag a row.
        source: Says which rows are taken.
        config: Says what types there are.
        where: File or folder of the table.

    Raises:
        UserError: If no row is left, or one is of no type that is trained on.
    """

    def __init__(
        self, table: pa.Table, paired: NDArray[np.bool_], source: SourceConfig, config: DataConfig, where: Path
    ) -> None:
        with naming(where):
            _require_kinds(table)
            chosen = _of_split(table, source.split)
            table, paired = table.take(chosen), paired[chosen]
            labels, names = _labels(table, paired, config)
            kept = _of_types(labels, names, source, config)
            self._table = table.take(kept).combine_chunks()
            self.labels = labels[kept]
            if config.labels == "multi":
                _require_basic_types(self._table, paired[kept], self.labels, config)
        self.numbers = chosen[kept]
        """Place of each row in the whole table."""

    @property
    def names(self) -> list[str]:
        """The keys, or numbers where there are none."""
        if "key" in self._table.column_names:
            return [str(key) for key in self._table.column("key").to_pylist()]
        return [f"row-{number:08d}" for number in self.numbers]

    def value(self, column: str, index: int) -> Any:
        """What a row holds in a column, None also where there is no such column."""
        return self._table.column(column)[index].as_py() if column in self._table.column_names else None

    def pair(self, index: int, clean: Tensor, degraded: Tensor | None, name: object) -> Pair:
        """The images of a row with what the row says of them.

        Args:
            index: The row.
            clean: Its clean image.
            degraded: Its damaged one, None to make it as the row says.
            name: What to call it in messages.

        Raises:
            UserError: If the images differ in size, or the damage cannot be done to this one.
        """
        text, seed = self.value("degradation", index), self.value("seed", index)
        level = None if text is None else _level(text)
        if degraded is not None:
            require_one_size(clean, degraded, name)
        elif level is not None and seed is not None:
            with naming(name):
                degraded = apply(clean, level, seed)
        return Pair(clean, degraded, level, tuple(self.value("types", index) or ()))


def _require_kinds(table: pa.Table) -> None:
    for field in table.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        of_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        text = kind.value_type if field.name == "types" and of_list else kind
        fits = {
            "seed": pa.types.is_integer(text) or pa.types.is_null(text),
            "types": of_list or pa.types.is_null(text),
        }.get(field.name, True)
        if field.name in ("type", "types", "degradation", "split"):
            fits = fits and (pa.types.is_string(text) or pa.types.is_large_string(text) or pa.types.is_null(text))
        if not fits:
            wanted = {"seed": "integers", "types": "lists of text"}.get(field.name, "text")
            raise UserError(f"the column {field.name!r} holds {field.type}, and not {wanted}")


@lru_cache(maxsize=4096)
def _level(text: str) -> Level:
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise UserError(
            f'degradation is {text!r}; a level as JSON is needed, such as {{"type": "jpeg", "quality": 30}}'
        )
    return from_dict(values)


def _column(table: pa.Table, name: str) -> list[Any]:
    return table.column(name).to_pylist() if name in table.column_names else [None] * table.num_rows


def _of_split(table: pa.Table, wanted: str | None) -> NDArray[np.int64]:
    splits = Counter(_column(table, "split"))
    if wanted is None and set(splits) <= {None}:
        return np.arange(table.num_rows)
    name = wanted or TRAIN
    if name not in splits:
        known = ", ".join(sorted(str(split) for split in splits if split is not None)) or "none"
        raise UserError(f"no row is of the split {name!r}; splits here: {known}")
    chosen: NDArray[np.int64] = np.flatnonzero(pc.equal(table.column("split"), name).fill_null(False).to_numpy())
    return chosen


class _Description(NamedTuple):
    type: str | None
    types: tuple[str, ...]
    degradation: str | None
    paired: bool


def _descriptions(table: pa.Table, paired: NDArray[np.bool_]) -> Iterable[_Description]:
    columns = (_column(table, name) for name in ("type", "types", "degradation"))
    for name, names, degradation, flag in zip(*columns, paired.tolist(), strict=True):
        yield _Description(name, tuple(names or ()), degradation, flag)


def _labels(
    table: pa.Table, paired: NDArray[np.bool_], config: DataConfig
) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Index of each row's type, or ``ANY``, and the names that are counted so: ``data.types``, then any others."""
    places = {name: place for place, name in enumerate(config.types)}
    found: dict[_Description, int] = {}
    labels = np.empty(table.num_rows, np.int16)
    for row, description in enumerate(_descriptions(table, paired)):
        if description not in found:
            with naming(f"row {row + 1}"):
                name = _type_of(description, config.types)
            found[description] = ANY if name is None else places.setdefault(name, len(places))
        labels[row] = found[description]
    return labels, tuple(places)


def _type_of(row: _Description, known: tuple[str, ...]) -> str | None:
    level = None if row.degradation is None else _level(row.degradation)
    said = [row.type] if row.type else list(row.types) if len(row.types) == 1 else []
    if level is not None:
        # "noise" that is Gaussian counts as "gaussian_noise" where that is what a recipe names.
        own = CATALOGUE.types_of(level)
        said += [level.type_name, *(entry.name for entry in own if len(own) == 1)]
    if said:
        return next((name for name in said if name in known), said[0])
    if row.paired or row.types:
        raise UserError("damaged, and the column 'type' does not say by what; it holds one of data.types")
    return None


def _of_types(
    labels: NDArray[np.int16], names: tuple[str, ...], source: SourceConfig, config: DataConfig
) -> NDArray[np.int64]:
    if source.types:
        wanted = [ANY, *(config.types.index(name) for name in source.types)]
        chosen: NDArray[np.int64] = np.flatnonzero(np.isin(labels, wanted))
    else:
        strange = Counter(labels[labels >= len(config.types)].tolist())
        for label, count in strange.most_common(1):
            raise UserError(
                f"{count} rows are of type {names[label]!r}, which is not in data.types"
                f"{nearest(names[label], config.types)}; types of the source says which rows to take"
            )
        chosen = np.arange(len(labels))
    if not len(chosen):
        raise UserError("no row is left; types and split of the source say which are taken")
    return chosen


def _require_basic_types(
    table: pa.Table, paired: NDArray[np.bool_], labels: NDArray[np.int16], config: DataConfig
) -> None:
    checked = set()
    for description, label in zip(_descriptions(table, paired), labels.tolist(), strict=True):
        if (description, label) in checked:
            continue
        checked.add((description, label))
        for name in description.types:
            if name not in config.classes:
                raise UserError(
                    f"types: not among the basic types of data.types: {name!r}{nearest(name, config.classes)}"
                )
        if description.paired and not description.types and description.degradation is None:
            with naming("a row without types"):
                basic_types(config.types[label])
