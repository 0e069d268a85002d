"""PNG files of 8 and 16 bits with everything that describes a picture. Source: PNG specification, third edition."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

import imagecodecs
from PIL import PngImagePlugin

from maskdcpt.images.metadata import Metadata
from maskdcpt.images.png_colour import Chunk
from maskdcpt.images.raster import Samples

_XMP_KEY = "XML:com.adobe.xmp"
_HEADER_END = 33  # the signature and the chunk IHDR, behind which the others have their place
_METRE = 1 / 0.0254  # inches


def encode_png(samples: Samples, metadata: Metadata, colour: Iterable[Chunk] = ()) -> bytes:
    """A file that holds samples (H, W, C) of uint8 or uint16 exactly, metadata, and what its values mean."""
    pixels = bytes(imagecodecs.png_encode(samples if samples.shape[2] > 1 else samples[..., 0]))
    chunks = []
    if metadata.icc is not None:
        chunks.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi is not None:
        across, down = (round(value * _METRE) for value in metadata.dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif is not None:
        chunks.append(_chunk(b"eXIf", metadata.exif))
    chunks += [_chunk(kind, data) for kind, data, *_ in more_chunks(metadata, colour).chunks]
    return pixels[:_HEADER_END] + b"".join(chunks) + pixels[_HEADER_END:]


def more_chunks(metadata: Metadata, colour: Iterable[Chunk]) -> PngImagePlugin.PngInfo:
    """What values mean, named texts and XMP as chunks, in the form in which Pillow takes them."""
    chunks = PngImagePlugin.PngInfo()
    for kind, data in colour:
        chunks.add(kind, data)
    if metadata.xmp is not None:
        chunks.add_itxt(_XMP_KEY, metadata.xmp.decode("utf-8", "replace"))
    for key, value in metadata.texts:
        chunks.add_text(key, value)
    return chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
