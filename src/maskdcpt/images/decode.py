"""From a file's bytes to upright RGB pixels, and what Pillow leaves to do on the way.

Is the file whole, which way is up, how does it become RGB, and what of it gets lost.
"""

from __future__ import annotations

import io
import logging
import os
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.images.forms import to_tensor

DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
)
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

# A JPEG marker: 0xff and a byte that is neither stuffing, fill nor a restart inside the coded pixels.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
_END_OF_IMAGE = b"\xff\xd9"

_NO_EXIF = "unreadable EXIF dropped"
_DEEP = "16-bit reduced to 8-bit"

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")

_STDERR = threading.Lock()

# Without a handler of its own, Pillow's log would reach standard error beside the error that tells the same.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True, eq=False)
class Picture:
    """An image from a file, upright, with what is needed to write it back."""

    pixels: Tensor
    """RGB (3, H, W), float32 in [0, 1]."""
    format: str
    """Pillow's name of the file's format, told by its content."""
    icc_profile: bytes | None
    """The colour profile, if the file has one for RGB values."""
    exif: bytes | None
    """What the camera noted, without the orientation, which has been applied, and the thumbnail, which shows the image
    as it was."""
    dpi: tuple[float, float] | None
    """Dots per inch, across and down."""
    notes: tuple[str, ...]
    """What reading has dropped or approximated, a short statement each."""

    @property
    def deep(self) -> bool:
        """Whether the file's values have more than eight bits, and so may those of ``pixels``."""
        return _DEEP in self.notes

    @property
    def metadata(self) -> dict[str, Any]:
        """Profile, EXIF and dots per inch, where there are any, as Pillow's ``save`` and ``info`` name them."""
        values = {"icc_profile": self.icc_profile, "exif": self.exif, "dpi": self.dpi}
        return {name: value for name, value in values.items() if value is not None}


def decode(data: bytes) -> Picture:
    """Decodes an image file and makes sure that it is whole, as far as its format lets one tell.

    Raises:
        PIL.UnidentifiedImageError: If it is not an image.
        Image.DecompressionBombError: If it has more pixels than is safe.
        UserError: If its kind of colours or samples is not supported.
        OSError: If it is damaged; others of ``DAMAGE`` where the damage sits in the file's structure.
    """
    # What Pillow warns of is something that it could not read fully: that is a note.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # at twice that size it is an error
        image = Image.open(io.BytesIO(data), formats=_PILLOW_FORMATS)
        notes = [_DEEP] if _is_deep(image) else []
        _load_whole(image, data)
        profile, dropped = _colour_profile(image)
        upright, exif, unreadable = _turn_upright(image)
        notes += [*_losses(image), *dropped, *unreadable]
        pixels = _to_rgb(upright)
    notes += [" ".join(str(warning.message).split()) for warning in caught]
    return Picture(pixels, image.format or "", profile, exif, _dots_per_inch(image), notes=tuple(dict.fromkeys(notes)))


def _load_whole(image: Image.Image, data: bytes) -> None:
    # Pillow raises when a file ends early. Where a file has kept its length but lost its content (a download that
    # never finished, a card that failed) it may return the missing part as grey or black; the end marker of a JPEG
    # and the checksums of a PNG tell.
    if image.format in ("JPEG", "MPO") and not _reaches_end(data):
        raise OSError("the end of the JPEG data is missing")
    if image.format == "PNG":
        Image.open(io.BytesIO(data)).verify()
    with quiet_stderr() if image.format == "TIFF" else nullcontext():
        image.load()


def _reaches_end(jpeg: bytes) -> bool:
    position = 2
    while marker := _MARKER.search(jpeg, position):
        if marker[0] == _END_OF_IMAGE:
            return True
        # Every other marker begins a segment that says its length; the search skips the coded pixels after a scan's.
        position = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2])
    return False


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Silences libtiff and libjpeg, which write to the process's standard error beside the error they return."""
    with _STDERR, open(os.devnull, "wb") as nowhere:
        saved = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _is_deep(image: ImageFile.ImageFile) -> bool:
    # Only the decoder's arguments tell, and only until the image is loaded.
    arguments = [tile[3] for tile in image.tile]
    if image.format == "PPM" and any(isinstance(each, tuple) and each[-1] > 255 for each in arguments):
        return True  # the last argument is the largest value
    return image.mode.startswith("I") or any(";16" in str(each) for each in arguments)


def _losses(image: Image.Image) -> list[str]:
    frames = getattr(image, "n_frames", 1)
    statements = {
        f"only the first of {frames} frames": frames > 1,
        "alpha channel dropped": image.mode in _ALPHA_MODES or "transparency" in image.info,
        "grey expanded to RGB": image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I"),
        f"{image.mode} converted to RGB": image.mode in ("CMYK", "YCbCr"),
        "XMP metadata dropped": "xmp" in image.info or "XML:com.adobe.xmp" in image.info,
        "text comments dropped": "comment" in image.info or bool(getattr(image, "text", None)),
    }
    return [statement for statement, holds in statements.items() if holds]


def _colour_profile(image: Image.Image) -> tuple[bytes | None, list[str]]:
    profile: bytes | None = image.info.get("icc_profile") or None
    if profile is None or profile[16:20] == b"RGB ":
        return profile, []
    return None, [f"colour profile for {profile[16:20].decode('latin-1').strip()} dropped"]


def _turn_upright(image: Image.Image) -> tuple[Image.Image, bytes | None, list[str]]:
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
        exif = kept.tobytes() if len(kept) else None
    except DAMAGE:
        return image, None, [_NO_EXIF]
    # Pillow takes EXIF without a header that makes sense for empty.
    return upright, exif, [_NO_EXIF] if image.info.get("exif") and not found else []


def _dots_per_inch(image: Image.Image) -> tuple[float, float] | None:
    values = [float(value) for value in image.info.get("dpi", ())]
    return (values[0], values[1]) if len(values) == 2 and all(0 < value < 1e5 for value in values) else None


def _to_rgb(image: Image.Image) -> Tensor:
    if image.mode.startswith("I"):
        samples = np.asarray(image)
        if samples.min() < 0 or samples.max() > 65535:
            raise UserError("samples of 32 bits are not supported; convert the image to 8 or 16 bits")
        return to_tensor(samples.astype(np.uint16))
    if image.mode == "F":
        raise UserError("floating-point samples are not supported; convert the image to 8 or 16 bits")
    if image.mode in ("P", "PA", "La", "RGBa"):  # these reach RGB only by way of an alpha channel of their own
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    try:
        rgb = image if image.mode == "RGB" else image.convert("RGB")
    except ValueError:
        raise UserError(f"colours of kind {image.mode} are not supported; convert the image to RGB") from None
    return to_tensor(rgb)
