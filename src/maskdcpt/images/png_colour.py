"""What PNG files say about their colours without a profile. Source: PNG specification, third edition, 11.3.2."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TypeAlias

Chunk: TypeAlias = tuple[bytes, bytes]
"""The name of a part of the file, and what it holds."""

_KINDS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
_HEADER = 8  # the signature, with which PNG files begin
_SRGB_GAMMA, _CLOSE = 45_455, 1_000  # in hundred thousandths
_SRGB_CORNERS = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
_SRGB_CODES = bytes((1, 13, 0, 1))


def colour_chunks(png: bytes) -> tuple[Chunk, ...]:
    """The parts of a whole file that say what its values mean, the first of each kind."""
    found: dict[bytes, bytes] = {}
    at = _HEADER
    while (kind := png[at + 4 : at + 8]) not in (b"IDAT", b"PLTE", b""):
        length = int.from_bytes(png[at : at + 4])
        if kind in _KINDS:
            found.setdefault(kind, png[at + 8 : at + 8 + length])
        at += length + 12
    return tuple(found.items())


def beyond_srgb(chunks: Iterable[Chunk]) -> list[str]:
    """The names of those parts that say something else than sRGB, as far as they can be read."""
    return [kind.decode() for kind, value in chunks if not _is_srgb(kind, value)]


def _is_srgb(kind: bytes, value: bytes) -> bool:
    expected = {b"gAMA": (_SRGB_GAMMA,), b"cHRM": _SRGB_CORNERS}.get(kind)
    if expected is None:
        return kind == b"sRGB" or value == _SRGB_CODES
    if len(value) != 4 * len(expected):
        return False
    numbers = struct.unpack(f">{len(expected)}I", value)
    return all(abs(number - usual) < _CLOSE for number, usual in zip(numbers, expected, strict=True))
