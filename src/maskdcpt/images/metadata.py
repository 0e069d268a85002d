"""What a file says about its picture, apart from the picture."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass, field

from PIL import ExifTags, Image

from maskdcpt.images.exif import HEADER, upright_exif

# Tags of the first directory of a TIFF file that say how this very file stores the picture, or stand elsewhere in
# ``Metadata``; the others describe the picture. TIFF 6.0, its supplements, and DNG's range from 0xC612 on.
_STRUCTURE = {
    *range(0xFE, 0x10E),  # kind of page, size, bits, compression, colours, cells, fill order, name of the document
    *range(0x111, 0x11E),  # strips, samples, resolution, planes, free space
    *(0x11E, 0x11F, 0x122, 0x123, 0x124, 0x125, 0x128, 0x129, 0x12D, 0x13D),  # position, fax, unit, page, curves
    *range(0x13E, 0x160),  # white point, palette, halftones, tiles, inks, alpha, sample format
    *range(0x200, 0x216),  # JPEG, YCbCr
    *(0x2BC, 0x83BB, 0x8649, 0x8773, 0x8825, 0x8769, 0xA005, 0x935C),  # XMP, IPTC, Photoshop, ICC, directories
}
_FIRST_OF_DNG = 0xC612
_ORIENTATION = ExifTags.Base.Orientation
_XMP, _IPTC, _PHOTOSHOP, _ICC = 0x2BC, 0x83BB, 0x8649, 0x8773

# What Pillow raises on damaged EXIF, as found by feeding it thousands. Damage there must not cost the picture.
_DAMAGE = (OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error)

_NO_EXIF = "unreadable EXIF dropped"

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>))[2-8]")


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture, as it holds for the picture upright."""

    exif: bytes | None = None
    """EXIF from its TIFF header on, without a thumbnail."""
    xmp: bytes | None = None
    """An XMP packet."""
    icc: bytes | None = None
    """The profile of the colours as they are stored."""
    dpi: tuple[float, float] | None = None
    """Dots per inch, across and down."""
    texts: tuple[tuple[str, str], ...] = ()
    """Named texts of a PNG file."""
    comment: bytes | None = None
    """A text without a name, as JPEG and GIF have it."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What could not be kept, a short statement each."""


def read_metadata(image: Image.Image) -> tuple[Metadata, int]:
    """What a Pillow image says about itself, and the orientation in which it is stored, 1 to 8."""
    notes = ["Photoshop and IPTC data dropped"] if "photoshop" in image.info else []
    exif, orientation = None, 1
    try:
        found = image.getexif()
        orientation = int(found.get(_ORIENTATION, 1))
        width, height = image.size[::-1] if orientation in (5, 6, 7, 8) else image.size
        block = image.info.get("exif")
        exif = upright_exif(bytes(block), width, height) if block else None
    except _DAMAGE:
        notes.append(_NO_EXIF)
    texts = tuple((str(key), str(value)) for key, value in getattr(image, "text", {}).items() if _is_plain_text(key))
    comment = image.info.get("comment")
    metadata = Metadata(
        exif=exif,
        xmp=_upright_xmp(image.info.get("xmp")),
        icc=image.info.get("icc_profile") or None,
        dpi=dots_per_inch(image.info.get("dpi")),
        texts=texts,
        comment=comment.encode() if isinstance(comment, str) else comment,
        notes=tuple(notes),
    )
    return metadata, orientation


def tiff_metadata(data: bytes, width: int, height: int) -> Metadata:
    """What a TIFF file says about its first page.

    Args:
        data: The file.
        width: Of the upright page, in pixels.
        height: Likewise.
    """
    notes = []
    found, kept, exif = Image.Exif(), Image.Exif(), None
    try:
        _load_directory(found, data)
        for tag, value in found.items():
            if tag not in _STRUCTURE and tag < _FIRST_OF_DNG and tag != _ORIENTATION:
                kept[tag] = value
        for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            # The pointer to the interoperability directory would point nowhere.
            entries = {tag: value for tag, value in found.get_ifd(directory).items() if tag != ExifTags.IFD.Interop}
            if entries:
                kept[directory] = entries
        exif = upright_exif(kept.tobytes(), width, height) if len(kept) else None
    except _DAMAGE:
        notes.append(_NO_EXIF)
    if _IPTC in found or _PHOTOSHOP in found:
        notes.append("Photoshop and IPTC data dropped")
    return Metadata(
        exif=exif,
        xmp=_upright_xmp(found.get(_XMP)),
        icc=_as_bytes(found.get(_ICC)),
        dpi=_tiff_dots_per_inch(found),
        notes=tuple(notes),
    )


def dots_per_inch(values: object, factor: float = 1.0) -> tuple[float, float] | None:
    """A pair of numbers, times a factor, as dots per inch, where it makes sense as such."""
    if not isinstance(values, tuple) or len(values) != 2:
        return None
    try:
        across, down = (float(value) * factor for value in values)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return (across, down) if 0 < across < 1e5 and 0 < down < 1e5 else None


def exif_tags(exif: bytes) -> Image.Exif:
    """EXIF as a dictionary of tags."""
    tags = Image.Exif()
    tags.load(HEADER + exif)
    return tags


def _load_directory(found: Image.Exif, data: bytes) -> None:
    # A TIFF file is built as EXIF is; one of the large kind has longer positions.
    if data[2:4] not in (b"+\0", b"\0+"):
        found.load(data)
        return
    found.endian = "<" if data[:2] == b"II" else ">"
    found.bigtiff = True
    found.load_from_fp(io.BytesIO(data), struct.unpack_from(f"{found.endian}Q", data, 8)[0])


def _tiff_dots_per_inch(found: Image.Exif) -> tuple[float, float] | None:
    across, down = found.get(ExifTags.Base.XResolution), found.get(ExifTags.Base.YResolution)
    centimetres = {2: 1.0, 3: 2.54}.get(found.get(ExifTags.Base.ResolutionUnit, 2))
    if centimetres is None or across is None or down is None:
        return None
    return dots_per_inch((across, down), centimetres)


def _upright_xmp(packet: object) -> bytes | None:
    packet = _as_bytes(packet)
    return None if packet is None else _XMP_ORIENTATION.sub(rb"\g<1>1", packet.rstrip(b"\0"))


def _as_bytes(value: object) -> bytes | None:
    if isinstance(value, str):
        value = value.encode()
    return value if isinstance(value, bytes) and value else None


def _is_plain_text(key: object) -> bool:
    return key != "XML:com.adobe.xmp" and not str(key).startswith("Raw profile type")
