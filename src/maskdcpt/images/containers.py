"""Which kind of file it is, by its first bytes."""

from __future__ import annotations

import re

from maskdcpt.images import pnm, tiff_read
from maskdcpt.images.optional import register_heif
from maskdcpt.images.sources import PillowSource, PnmSource, Source

_PILLOW = ("BMP", "JPEG", "PNG", "WEBP", "GIF", "AVIF")

# Brands of ISO 23008-12 whose pictures are coded by HEVC.
_HEIC = re.compile(rb".{4}ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)", re.DOTALL)
_PNM = re.compile(rb"(?:%b)[ \t\r\n#]" % b"|".join(pnm.MAGIC))


def open_source(data: bytes, limit: int) -> Source:
    """Opens a file of any kind that can be read.

    Args:
        data: All of the file.
        limit: Pixels that its frames may have together.

    Raises:
        PIL.UnidentifiedImageError: If it is not an image.
        UserError: If it has more pixels than the limit, or needs a package that is not there.
        OSError: If it is damaged; others of ``DAMAGE`` where the damage sits in the file's structure.
    """
    if _PNM.match(data):
        return PnmSource(data, limit)
    if data[:4] in tiff_read.MAGIC:
        return tiff_read.TiffSource(data, limit)
    if _HEIC.match(data) and b"avif" not in data[8:64]:
        register_heif()
        return PillowSource(data, ("HEIF",), limit)
    return PillowSource(data, _PILLOW, limit)
