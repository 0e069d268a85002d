"""EXIF of a picture that has been turned upright, with every other byte where it was.

Makers' notes hold positions counted from the start of the block. Rewriting it would break them, so what no longer holds
is changed in place: the orientation, the size, and the thumbnail, which shows the picture as it was.
Source: CIPA DC-008 (EXIF 2.32), TIFF 6.0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import ExifTags

HEADER = b"Exif\0\0"
"""What stands in front of EXIF in some formats, and never in what this module returns."""

_ORIENTATION = ExifTags.Base.Orientation
_SIZES = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight)
_THUMBNAIL, _THUMBNAIL_BYTES = ExifTags.Base.JpegIFOffset, ExifTags.Base.JpegIFByteCount
_SHORT, _LONG = 3, 4


class _Entry(NamedTuple):
    tag: int
    kind: int
    number: int  # of values
    position: int  # of the value


def upright_exif(exif: bytes, width: int, height: int) -> bytes:
    """EXIF as it holds for the picture upright and without its thumbnail.

    Args:
        exif: The block, with or without ``HEADER``.
        width: Of the upright picture, in pixels.
        height: Likewise.

    Raises:
        ValueError: If it is not EXIF, or its structure is damaged.
    """
    block = _Block(exif.removeprefix(HEADER))
    first = block.integer(4, _LONG)
    for entry in block.entries(first):
        if entry.tag == _ORIENTATION:
            block.replace(entry, 1)
        if entry.tag == ExifTags.IFD.Exif:
            for inner in block.entries(block.integer(entry.position, _LONG)):
                if inner.tag in _SIZES:
                    block.replace(inner, (width, height)[_SIZES.index(inner.tag)])
    block.remove_thumbnail(first)
    return bytes(block.data)


class _Block:
    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4], "")
        if not self.order:
            raise ValueError("EXIF does not begin with a TIFF header")

    def integer(self, position: int, kind: int) -> int:
        try:
            value: int = struct.unpack_from(self.order + ("H" if kind == _SHORT else "I"), self.data, position)[0]
        except struct.error:
            raise ValueError("EXIF ends early") from None
        return value

    def entries(self, directory: int) -> Iterator[_Entry]:
        for number in range(self.integer(directory, _SHORT)):
            place = directory + 2 + 12 * number
            tag, kind, number_of_values = (
                self.integer(place + at, size) for at, size in ((0, _SHORT), (2, _SHORT), (4, _LONG))
            )
            self.integer(place + 8, _LONG)
            yield _Entry(tag, kind, number_of_values, place + 8)

    def replace(self, entry: _Entry, value: int) -> None:
        if entry.kind in (_SHORT, _LONG) and entry.number == 1:
            wide = entry.kind == _LONG or value > 0xFFFF
            struct.pack_into(self.order + ("I" if wide else "H2x"), self.data, entry.position, value)
            struct.pack_into(self.order + "H", self.data, entry.position - 6, _LONG if wide else _SHORT)

    def remove_thumbnail(self, first: int) -> None:
        pointer = first + 2 + 12 * self.integer(first, _SHORT)
        if pointer + 4 > len(self.data):
            return  # some cameras leave the pointer out when nothing follows
        second = self.integer(pointer, _LONG)
        struct.pack_into(self.order + "I", self.data, pointer, 0)
        if not second:
            return
        found = {entry.tag: self.integer(entry.position, _LONG) for entry in self.entries(second)}
        start, length = found.get(_THUMBNAIL, 0), found.get(_THUMBNAIL_BYTES, 0)
        end = min(start + length, len(self.data))
        if start < end == len(self.data):
            del self.data[start:]
        elif start < end:
            self.data[start:end] = bytes(end - start)
