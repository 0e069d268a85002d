"""Whether a file is whole, as far as its format lets one tell.

Pillow raises when a file ends early. Where a file has kept its length but lost its content (a download that never
finished, a card that failed) it may return the missing part as grey or black, and leave out frames that are not there.
"""

from __future__ import annotations

import io
import re

from PIL import Image

# A JPEG marker: 0xff and a byte that is neither stuffing, fill nor a restart inside the coded pixels.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
_END_OF_IMAGE = b"\xff\xd9"
_START_OF_IMAGE = b"\xff\xd8\xff"  # and the marker that follows it

_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = b",", b"!", b";"


def require_whole(data: bytes, kind: str) -> int:
    """Refuses a file whose end is missing.

    Args:
        data: The file.
        kind: Pillow's name of its format.

    Returns:
        Where the first picture of a JPEG file ends; of another kind the length of the file.

    Raises:
        OSError: If its end is missing; others of ``DAMAGE`` where its structure is damaged.
    """
    if kind in ("JPEG", "MPO"):
        end = _jpeg_end(data, 0)
        if end is None:
            raise OSError("the end of the JPEG data is missing")
        return end
    if kind == "PNG":
        Image.open(io.BytesIO(data), formats=("PNG",)).verify()  # compares the checksums
    if kind == "GIF" and not _gif_reaches_end(data):
        raise OSError("the end of the GIF data is missing")
    return len(data)


def bytes_behind(data: bytes, end: int, more: int) -> int:
    """How many bytes lie behind the pictures of a file; zeros alone, which only fill it up, count as none.

    Args:
        data: The file.
        end: Where its first picture ends, as ``require_whole`` says.
        more: JPEG pictures that follow it and belong to it.
    """
    for _ in range(more):
        start = data.find(_START_OF_IMAGE, end)
        end = (_jpeg_end(data, start) if start >= 0 else None) or end
    rest = data[end:]
    return len(rest) if rest.strip(b"\0") else 0


def _jpeg_end(jpeg: bytes, start: int) -> int | None:
    """The position behind the picture that starts at another; None if its end is missing."""
    position = start + 2
    while marker := _MARKER.search(jpeg, position):
        if marker[0] == _END_OF_IMAGE:
            return marker.end()
        # Every other marker begins a segment that says its length; the search skips the coded pixels after a scan's.
        position = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])
    return None


def _gif_reaches_end(gif: bytes) -> bool:
    position = 13 + _gif_palette_bytes(gif[10:11])
    while (block := gif[position : position + 1]) in (_GIF_IMAGE, _GIF_EXTENSION):
        position += 2
        if (
            block == _GIF_IMAGE
        ):  # eight bytes of position and size, flags, a palette, and how many bits codes begin with
            position += 9 + _gif_palette_bytes(gif[position + 7 : position + 8])
        while position < len(gif) and gif[position]:  # pieces that say their length, up to an empty one
            position += 1 + gif[position]
        position += 1
    return block == _GIF_END


def _gif_palette_bytes(flags: bytes) -> int:
    return 3 * 2 ** (flags[0] % 8 + 1) if flags and flags[0] & 0x80 else 0
