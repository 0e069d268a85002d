"""Values of a Parquet column that stand in the file as they are, found without reading what is around them.

To read one row of a Parquet file is to read its whole row group. Compressed images are commonly stored without a
dictionary or a second compression, and then each of them is a piece of the file: its place is told by the headers of
the pages in front of it and by the lengths of the values in its page. Where a column is stored in another way, nothing
here applies.

Source: the format of Parquet (github.com/apache/parquet-format, Encodings.md and parquet.thrift) and the compact
protocol of Thrift (github.com/apache/thrift, doc/specs/thrift-compact-protocol.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pyarrow.parquet as pq

HEAD = 512
"""Bytes that a page header is read with; those of longer ones, with statistics, are not understood here."""

DATA_PAGE, PLAIN = 0, 0
"""Numbers of the kind of page and of the encoding that are understood."""

DEEPEST = 8
"""Structs within structs, of which page headers have three."""

Read = Callable[[int, int], bytes]
"""Reads so many bytes from a place in the file; fewer at its end."""


class Chunk(NamedTuple):
    """The values of a column in one row group."""

    start: int
    """Place of its first page in the file."""
    size: int
    """Bytes of all its pages."""
    deepest: int
    """Largest definition level: that of rows that have a value; 0 if all have, and pages do not tell."""


class Place(NamedTuple):
    """Where a value is in a file."""

    start: int
    """Its first byte."""
    size: int
    """Number of its bytes."""


def plain_chunk(file: pq.ParquetFile, group: int, name: str) -> Chunk | None:
    """Where a column of a row group lies; None if its values do not stand there as they are, or there is no such.

    Args:
        file: The file.
        group: The row group.
        name: The column, with dots between the fields.
    """
    row_group = file.metadata.row_group(group)
    for number in range(row_group.num_columns):
        column = row_group.column(number)
        if column.path_in_schema != name:
            continue
        levels = file.schema.column(number)
        if column.compression != "UNCOMPRESSED" or column.has_dictionary_page or levels.max_repetition_level:
            return None
        return Chunk(column.data_page_offset, column.total_compressed_size, levels.max_definition_level)
    return None


def find_value(read: Read, chunk: Chunk, row: int) -> Place | None:
    """Where the value of a row is; None if that cannot be told, or it has none.

    Args:
        read: Reads the file.
        chunk: What ``plain_chunk`` gave.
        row: The row, within the row group.
    """
    try:
        return _find(read, chunk, row)
    except (IndexError, KeyError, TypeError, ValueError):
        return None  # it ends too early, or is no such page


def _find(read: Read, chunk: Chunk, row: int) -> Place | None:
    page, end = chunk.start, chunk.start + chunk.size
    while page < end:
        fields, length = _struct(read(page, HEAD), 0)
        size, about = fields[3], fields[5]
        first, page = page + length, page + length + size
        count = about[1]
        if fields[1] != DATA_PAGE or about[2] != PLAIN or fields[2] != size or size < 0 or count < 0 or page > end:
            return None
        if row < count:
            return _in_page(read, first, page, chunk.deepest, row)
        row -= count
    return None


def _in_page(read: Read, start: int, end: int, deepest: int, row: int) -> Place | None:
    before = row
    if deepest:
        size = _length(read, start)
        if not 0 < size <= end - start - 4:
            return None
        before = 0
        for count, level in _runs(read(start + 4, size), deepest.bit_length()):
            before += min(count, row) if level == deepest else 0
            row -= count
            if row < 0:
                break
        if row >= 0 or level != deepest:
            return None
        start += 4 + size
    for _ in range(before):
        start += 4 + _length(read, start)
        if start > end - 4:
            return None
    place = Place(start + 4, _length(read, start))
    return place if place.start + place.size <= end else None


def _runs(data: bytes, width: int) -> Iterator[tuple[int, int]]:
    """Levels in the hybrid of run lengths and packed bits, as (how often, level); of less than eight bits each."""
    at = 0
    while at < len(data):
        head, at = _varint(data, at)
        if head & 1:
            size = (head >> 1) * width
            bits = int.from_bytes(data[at : at + size], "little")
            yield from ((1, bits >> place * width & (1 << width) - 1) for place in range(8 * (head >> 1)))
            at += size
        else:
            yield head >> 1, data[at]
            at += 1


def _length(read: Read, start: int) -> int:
    return int.from_bytes(read(start, 4), "little")


def _struct(data: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Fields of a struct by number, and where it ends; an ``IndexError`` or ``ValueError`` if there is none."""
    if depth > DEEPEST:
        raise ValueError("structs too deep")
    fields: dict[int, Any] = {}
    number = 0
    while kind := data[at]:
        at += 1
        if kind >> 4:
            number += kind >> 4
        else:
            number, at = _integer(data, at)
        fields[number], at = _value(data, at, kind & 15, depth)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    match kind:
        case 1 | 2:
            return kind == 1, at
        case 3:
            return data[at], at + 1
        case 4 | 5 | 6:
            return _integer(data, at)
        case 7:
            return None, at + 8
        case 8:
            size, at = _varint(data, at)
            return None, at + size
        case 12:
            return _struct(data, at, depth + 1)
    raise ValueError(f"a field of kind {kind}")


def _integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
