"""Columns of a table that may lack them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

UNKNOWN = "not stated"
"""What stands for a missing value."""


def text_column(table: pa.Table, name: str) -> NDArray[np.object_]:
    """A column as text, (rows,); ``UNKNOWN`` where it, or a value, is missing."""
    if name not in table.column_names:
        return np.full(table.num_rows, UNKNOWN, object)
    column = table[name].cast(pa.string()).fill_null(UNKNOWN)
    # One text for all rows that have it, instead of one for each.
    encoded = column.combine_chunks().dictionary_encode()
    texts: NDArray[np.object_] = np.array([*encoded.dictionary.to_pylist(), UNKNOWN], object)
    values: NDArray[np.object_] = texts[encoded.indices.to_numpy()]
    return values


def number_column(table: pa.Table, name: str, missing: Any, kind: Any) -> NDArray[Any]:
    """A column as numbers, (rows,).

    Args:
        table: The table.
        name: Which column.
        missing: What stands where it, or a value, is missing.
        kind: NumPy type of the result.
    """
    if name not in table.column_names:
        return np.full(table.num_rows, missing, kind)
    values: NDArray[Any] = table[name].fill_null(missing).to_numpy().astype(kind)
    return values
