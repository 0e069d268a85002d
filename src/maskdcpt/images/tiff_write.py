"""TIFF files of many pages, whose samples have 8, 16 or 32 bits, with nested EXIF. Source: TIFF 6.0.

Pillow writes no more than eight bits of each of three colours, and tifffile no directories within directories.
Pillow's directories are written here around strips of our own.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import imagecodecs
import numpy as np
from PIL import ExifTags
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from maskdcpt.images.metadata import Metadata, exif_tags
from maskdcpt.images.raster import Samples

_HEADER = b"II*\0"
_DEFLATE, _DIFFERENCES = 8, 2
_STRIP = 1 << 20  # bytes before compression
_XMP, _ICC = 0x2BC, 0x8773


def encode_tiff(pages: Sequence[Samples], metadata: Metadata) -> bytes:
    """A file that holds pages of samples (H, W, C) exactly; metadata goes to the first.

    Raises:
        ValueError: If it would be longer than the 4 GiB that TIFF can address.
    """
    file = bytearray(_HEADER + bytes(4))
    pointer = len(_HEADER)  # to where the position of the next directory is written
    for number, samples in enumerate(pages):
        strips, rows = _strips(samples)
        starts = np.cumsum([0, *(len(strip) for strip in strips)]) + len(file)
        file += b"".join(strips)
        file += bytes(len(file) % 2)
        directory = ImageFileDirectory_v2(_HEADER + bytes(4))
        for tag, value in _structure(samples, strips, rows).items():
            directory[tag] = value
        if number == 0:
            _describe(directory, metadata)
        if len(file) + sum(map(len, strips)) >= 2**32 - 2**24:
            raise ValueError("more than 4 GiB")
        start = len(file)
        struct.pack_into("<I", file, pointer, start)
        # Pillow takes offsets of strips to be counted from the end of the directory, unless they are another tag's.
        written = bytearray(directory.tobytes(start))
        _place(written, start, [int(each) for each in starts[:-1]])
        file += written
        file += bytes(len(file) % 2)
        pointer = start + 2 + 12 * len(directory)
    return bytes(file)


def _strips(samples: Samples) -> tuple[list[bytes], int]:
    height, width, channels = samples.shape
    rows = max(1, _STRIP // (width * channels * samples.dtype.itemsize))
    if samples.dtype.kind == "u":
        samples = np.concatenate([samples[:, :1], np.diff(samples, axis=1)], axis=1)  # wraps around, as it should
    little = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    return [bytes(imagecodecs.zlib_encode(little[top : top + rows].tobytes())) for top in range(0, height, rows)], rows


def _structure(samples: Samples, strips: Sequence[bytes], rows: int) -> dict[int, Any]:
    height, width, channels = samples.shape
    tags: dict[int, Any] = {
        ExifTags.Base.ImageWidth: width,
        ExifTags.Base.ImageLength: height,
        ExifTags.Base.BitsPerSample: (8 * samples.dtype.itemsize,) * channels,
        ExifTags.Base.Compression: _DEFLATE,
        ExifTags.Base.PhotometricInterpretation: 2 if channels >= 3 else 1,
        ExifTags.Base.SamplesPerPixel: channels,
        ExifTags.Base.RowsPerStrip: rows,
        ExifTags.Base.StripOffsets: (0,) * len(strips),
        ExifTags.Base.StripByteCounts: tuple(len(strip) for strip in strips),
        ExifTags.Base.PlanarConfiguration: 1,
        ExifTags.Base.SampleFormat: (3 if samples.dtype.kind == "f" else 1,) * channels,
    }
    if samples.dtype.kind == "u":
        tags[ExifTags.Base.Predictor] = _DIFFERENCES
    if channels % 2 == 0:
        tags[ExifTags.Base.ExtraSamples] = 2  # opacity by which colours have not been multiplied
    return tags


def _describe(directory: ImageFileDirectory_v2, metadata: Metadata) -> None:
    if metadata.exif is not None:
        tags = exif_tags(metadata.exif)
        for tag, value in tags.items():
            if tag not in directory:
                directory[tag] = value
        for nested in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            if entries := tags.get_ifd(nested):
                directory[nested] = {tag: value for tag, value in entries.items() if tag != ExifTags.IFD.Interop}
    if metadata.icc is not None:
        directory.tagtype[_ICC] = 7
        directory[_ICC] = metadata.icc
    if metadata.xmp is not None:
        directory.tagtype[_XMP] = 1
        directory[_XMP] = metadata.xmp
    if metadata.dpi is not None:
        directory[ExifTags.Base.ResolutionUnit] = 2
        directory[ExifTags.Base.XResolution], directory[ExifTags.Base.YResolution] = metadata.dpi


def _place(directory: bytearray, start: int, offsets: Sequence[int]) -> None:
    # Writes the offsets of strips over those that the directory has.
    for number in range(struct.unpack_from("<H", directory)[0]):
        place = 2 + 12 * number
        tag, _, count, value = struct.unpack_from("<HHII", directory, place)
        if tag == ExifTags.Base.StripOffsets:
            kind = struct.pack("<H", 4)
            directory[place + 2 : place + 4] = kind
            at = place + 8 if count == 1 else value - start
            struct.pack_into(f"<{count}I", directory, at, *offsets)
