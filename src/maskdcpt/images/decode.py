"""What Pillow leaves to do when a file is decoded: is it whole, which way is up, how does it become RGB."""

from __future__ import annotations

import io
import os
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, Image, ImageOps

from maskdcpt.errors import UserError

READABLE = "a JPEG, PNG, WebP, TIFF, BMP or PPM file"
"""What can be read, for messages."""

LOADING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError, struct.error)
"""What Pillow raises on damaged files, as found by feeding it thousands."""

_PILLOW_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# Tags of the first EXIF directory that describe the picture; the others say how this very file stores it.
_DESCRIPTIVE = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)

_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N")
_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")

# A JPEG marker: 0xff and a byte that is neither stuffing, fill nor a restart inside the coded pixels.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
_END_OF_IMAGE = b"\xff\xd9"

_STDERR = threading.Lock()


def load_whole(data: bytes) -> Image.Image:
    """Decodes an image file and makes sure that it is whole, as far as its format lets one tell.

    Pillow raises when a file ends early. Where a file has kept its length but lost its content (a download that was
    never finished, a card that failed), it may return the missing part as grey or black; a JPEG's end marker and a
    PNG's checksums tell.

    Args:
        data: The file's content.

    Raises:
        PIL.UnidentifiedImageError: If it is not an image.
        Image.DecompressionBombError: If it has more pixels than is safe.
        OSError: If it is damaged; others of ``LOADING_ERRORS`` where the damage sits in the file's structure.
    """
    image = Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS)
    if image.format in ("JPEG", "MPO") and not _reaches_end(data):
        raise OSError("the end of the JPEG data is missing")
    if image.format == "PNG":
        Image.open(io.BytesIO(data)).verify()
    with _quiet_stderr():
        image.load()
    return image


def camera_metadata(image: Image.Image) -> tuple[Image.Image, bytes | None, list[str]]:
    """Turns an image upright as its EXIF says.

    Returns:
        The image, what of its EXIF describes it (None if nothing does), and notes.
    """
    try:
        upright = ImageOps.exif_transpose(image)
        found, kept = image.getexif(), Image.Exif()
        for tag in _DESCRIPTIVE:
            if tag in found:
                kept[tag] = found[tag]
        for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            # The pointer to the interoperability directory would point nowhere.
            entries = {tag: value for tag, value in found.get_ifd(directory).items() if tag != ExifTags.IFD.Interop}
            if entries:
                kept[directory] = entries
        return upright, kept.tobytes() if len(kept) else None, []
    except LOADING_ERRORS:
        return image, None, ["unreadable EXIF dropped"]


def to_rgb(image: Image.Image) -> tuple[Image.Image | np.ndarray[tuple[int, ...], np.dtype[np.float32]], list[str]]:
    """Converts an image of any mode to RGB.

    Returns:
        The image, as floats in [0, 1] (H, W) where grey samples have more than 8 bits, and notes.

    Raises:
        UserError: If the mode has no defined way to RGB.
    """
    notes = _notes(image)
    if image.mode.startswith("I"):
        samples = np.asarray(image).astype(np.float32)
        if samples.min() < 0 or samples.max() > 65535:
            raise UserError("samples of 32 bits are not supported; convert the image to 8 or 16 bits")
        return samples / np.float32(65535), notes
    if image.mode in ("P", "PA", "La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode == "F":
        raise UserError("floating-point samples are not supported; convert the image to 8 or 16 bits")
    try:
        return image.convert("RGB"), notes
    except ValueError:
        raise UserError(f"colours of kind {image.mode} are not supported; convert the image to RGB") from None


def _notes(image: Image.Image) -> list[str]:
    info = image.info
    frames = getattr(image, "n_frames", 1)
    deep = image.mode.startswith("I") or any(";16" in str(tile) or "65535" in str(tile) for tile in image.tile)
    statements = {
        f"only the first of {frames} frames": frames > 1,
        "alpha channel dropped": image.mode in _ALPHA_MODES or "transparency" in info,
        "16-bit reduced to 8-bit": deep,
        "grey expanded to RGB": image.mode in _GREY_MODES,
        f"{image.mode} converted to RGB": image.mode in ("CMYK", "HSV", "YCbCr"),
        "XMP metadata dropped": "xmp" in info or "XML:com.adobe.xmp" in info,
    }
    return [statement for statement, holds in statements.items() if holds]


def _reaches_end(data: bytes) -> bool:
    position = 2
    while marker := _MARKER.search(data, position):
        if marker[0] == _END_OF_IMAGE:
            return True
        # Every other marker begins a segment that says its length; the search skips the coded pixels after a scan's.
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    return False


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    # libtiff writes about damage to the process's standard error on its own account, beside the error it returns.
    with _STDERR, open(os.devnull, "wb") as nowhere:
        saved = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
