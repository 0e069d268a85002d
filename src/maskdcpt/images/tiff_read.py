"""TIFF files page by page.

Samples of whole bytes that are stored without loss are taken as they stand: Pillow would reduce or refuse those of more
than eight bits, and says nothing of channels that it leaves out. It decodes the other kinds.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from maskdcpt.errors import UserError
from maskdcpt.images.colour import cmyk_to_rgb
from maskdcpt.images.hush import noting, quiet_stderr
from maskdcpt.images.limits import require_pixels, too_many_pixels
from maskdcpt.images.metadata import tiff_metadata
from maskdcpt.images.raster import Raster, Samples, from_pillow, largest, turn_upright

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""What the files begin with."""

_EXACT = {
    tifffile.COMPRESSION.NONE,
    tifffile.COMPRESSION.LZW,
    tifffile.COMPRESSION.ADOBE_DEFLATE,
    tifffile.COMPRESSION.DEFLATE,
    tifffile.COMPRESSION.PACKBITS,
    tifffile.COMPRESSION.LZMA,
    tifffile.COMPRESSION.ZSTD,
}
_COLOURS = {
    tifffile.PHOTOMETRIC.MINISWHITE: 1,
    tifffile.PHOTOMETRIC.MINISBLACK: 1,
    tifffile.PHOTOMETRIC.RGB: 3,
    tifffile.PHOTOMETRIC.SEPARATED: 4,
}
_UNSIGNED = tifffile.SAMPLEFORMAT.UINT
_MOST_EXTRA = 16  # channels beside colours; the limit of pixels does not count them
_SUB_DIRECTORIES = 0x14A


class TiffSource:
    """A TIFF or BigTIFF file."""

    def __init__(self, data: bytes, limit: int) -> None:
        self._data = data
        self.format = "TIFF"
        self.settings: Mapping[str, Any] = {}
        self.notes: list[str] = []
        with noting(self.notes):
            self._pages = _full_pages(data, limit, self.notes)
            self.frames = len(self._pages)
            first = self._pages[0][1]
            if data[8:10] == b"CR" or (first.is_reduced and _SUB_DIRECTORIES in first.tags):
                raise UserError("a camera's raw file is not supported; develop it into a TIFF or JPEG file")
            turned = _orientation(first) in (5, 6, 7, 8)
            size = (first.imagelength, first.imagewidth) if turned else (first.imagewidth, first.imagelength)
            self.metadata = tiff_metadata(data, *size)
        self.notes += self.metadata.notes

    def read(self, index: int) -> Raster:
        """Decodes a page."""
        number, page = self._pages[index]
        with noting(self.notes):
            if _is_deep(page) or _is_plain(page):
                return Raster(turn_upright(self._exact_samples(page), _orientation(page)))
            return Raster(self._other_samples(number))

    def _other_samples(self, number: int) -> Samples:
        with quiet_stderr(), Image.open(io.BytesIO(self._data), formats=("TIFF",)) as image:
            image.seek(number)
            image.load()  # turns it upright as well
        return from_pillow(image, self.metadata.icc, self.notes)

    def _exact_samples(self, page: tifffile.TiffPage) -> Samples:
        colours = _colours(page)
        extra = page.samplesperpixel - colours
        if not colours or extra < 0:
            raise UserError(
                f"colours of kind {_name(page.photometric)} with {page.bitspersample} bits are not supported"
            )
        if extra > _MOST_EXTRA:
            raise UserError(f"{page.samplesperpixel} channels are not supported; at most {_MOST_EXTRA} beside colours")
        if page.compression not in _EXACT:
            raise UserError(f"compression {_name(page.compression)} of {page.bitspersample} bits is not supported")
        ends = zip(page.dataoffsets, page.databytecounts, strict=True)
        if not page.databytecounts or any(not count or start + count > len(self._data) for start, count in ends):
            raise OSError("some of the pixels are missing")
        samples = page.asarray(maxworkers=1)
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.samplesperpixel > 1:
            shape = (page.samplesperpixel, page.imagelength, page.imagewidth)
            samples = samples.reshape(shape).transpose(1, 2, 0)
        samples = self._to_common_type(samples.reshape(page.imagelength, page.imagewidth, -1), page.bitspersample)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            samples = _inverted(samples, colours)
        kinds = [int(kind) for kind in page.extrasamples][:1] if extra else []
        ink = samples[..., :colours]
        if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
            ink = self._from_ink(ink)
        if page.photometric == tifffile.PHOTOMETRIC.YCBCR:
            self.notes.append("YCbCr converted to RGB")
            ink = np.asarray(Image.fromarray(ink, "YCbCr").convert("RGB"))
        if extra > len(kinds) or kinds == [0]:
            self.notes.append("channels that are neither colour nor opacity dropped")
        if not kinds or kinds == [0]:
            return ink
        opacity = samples[..., colours : colours + 1]
        if kinds == [int(tifffile.EXTRASAMPLE.ASSOCALPHA)]:
            ink = _unassociated(ink, opacity)
        return np.concatenate([ink, opacity], axis=2)

    def _to_common_type(self, samples: Samples, bits: int) -> Samples:
        if samples.dtype.kind == "f":
            self.notes += ["64-bit values rounded to 32-bit"] if samples.dtype.itemsize == 8 else []
            return samples.astype(np.float32)
        if samples.dtype.kind != "u" or bits > 16:
            raise UserError(f"whole-number samples of {bits} bits are not supported; convert the image to 8 or 16 bits")
        most = 2**bits - 1
        return samples if bits in (8, 16) else (samples.astype(np.float64) * (65535 / most)).round().astype(np.uint16)

    def _from_ink(self, ink: Samples) -> Samples:
        if ink.dtype.kind == "f":
            raise UserError("CMYK in floating point is not supported; convert the image to RGB")
        return cmyk_to_rgb(ink, self.metadata.icc, self.notes)


def _full_pages(data: bytes, limit: int, notes: list[str]) -> list[tuple[int, tifffile.TiffPage]]:
    # With their numbers among all pages. Smaller copies of a page, which viewers use, would not fit the restored one.
    pages = tifffile.TiffFile(io.BytesIO(data)).pages
    pages.useframes = False
    if len(pages) > limit:
        raise too_many_pixels(f"{len(pages):,} pages", limit)
    found: list[tuple[int, tifffile.TiffPage]] = []
    total = 0
    for number, page in enumerate(pages):
        if not isinstance(page, tifffile.TiffPage) or page.imagewidth < 1 or page.imagelength < 1:
            raise ValueError("a page has no pixels")
        if number and (page.is_reduced or page.is_mask):
            continue
        require_pixels(page.imagewidth, page.imagelength, 1, limit)
        total += page.imagewidth * page.imagelength
        if total > limit:
            raise too_many_pixels(f"{len(found) + 1} pages", limit)
        found.append((number, page))
    if not found:
        raise ValueError("there is no page")
    if len(found) < len(pages):
        notes.append(f"{len(pages) - len(found)} smaller copies or masks of pages dropped")
    return found


def _is_deep(page: tifffile.TiffPage) -> bool:
    return page.bitspersample > 8 or page.sampleformat not in (_UNSIGNED, tifffile.SAMPLEFORMAT.VOID)


def _is_plain(page: tifffile.TiffPage) -> bool:
    return page.bitspersample == 8 and _colours(page) > 0 and page.compression in _EXACT


def _colours(page: tifffile.TiffPage) -> int:
    # Channels that are colours, if the samples may be taken as they stand. Of YCbCr those that Pillow cannot decode.
    if page.photometric == tifffile.PHOTOMETRIC.YCBCR:
        coarse = tuple(page.subsampling or (2, 2)) != (1, 1)
        return 0 if page.bitspersample != 8 or page.compression != tifffile.COMPRESSION.NONE or coarse else 3
    return _COLOURS.get(tifffile.PHOTOMETRIC(page.photometric), 0)


def _orientation(page: tifffile.TiffPage) -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag is not None and isinstance(tag.value, int) else 1


def _inverted(samples: Samples, colours: int) -> Samples:
    most = samples.dtype.type(largest(samples.dtype))
    samples = samples.copy()
    samples[..., :colours] = most - samples[..., :colours]
    return samples


def _unassociated(colours: Samples, opacity: Samples) -> Samples:
    # Colours that were multiplied by opacity; where there is none they are unknown, and black.
    most = largest(colours.dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(opacity > 0, colours.astype(np.float64) * most / opacity, 0)
    return (values if most == 1 else values.clip(0, most).round()).astype(colours.dtype)


def _name(value: int) -> str:
    return str(getattr(value, "name", value))
