"""Reading and writing image files: nothing is dropped without a note, nothing damaged is taken for whole."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.files import atomic_file, write_bytes
from maskdcpt.images.decode import LOADING_ERRORS, READABLE, camera_metadata, load_whole, to_rgb
from maskdcpt.images.forms import to_pil, to_tensor

FORMATS = {
    ".bmp": "BMP",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".ppm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""Suffix, in lower case, to Pillow's name of the format. All of them are read and written."""

# WebP is written without loss, for what a network has restored should not be damaged again; at the quickest effort,
# which costs a third more bytes and saves nine tenths of the time.
_OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "WEBP": {"lossless": True, "quality": 0, "method": 0},
}


@dataclass(frozen=True, eq=False)
class Picture:
    """An image from a file, upright, with what is needed to write it back."""

    pixels: Tensor
    """RGB (3, H, W), float32 in [0, 1]."""
    format: str
    """Pillow's name of the file's format, told by its content."""
    icc_profile: bytes | None
    """The colour profile, if the file has one that describes RGB values."""
    exif: bytes | None
    """What the camera noted, without the orientation (which has been applied) and the thumbnail (which shows the image
    as it was)."""
    dpi: tuple[float, float] | None
    """Dots per inch, across and down."""
    notes: tuple[str, ...]
    """What reading has dropped or approximated, a short statement each."""

    @property
    def metadata(self) -> dict[str, Any]:
        """Profile, EXIF and dots per inch as Pillow's ``save`` and ``info`` name them, where there are any."""
        values = {"icc_profile": self.icc_profile, "exif": self.exif, "dpi": self.dpi}
        return {name: value for name, value in values.items() if value is not None}


def read_image(path: str | Path) -> Picture:
    """Reads a JPEG, PNG, WebP, TIFF, BMP or PPM file.

    Grey images become RGB, alpha channels and further frames are dropped, deeper samples are reduced: the notes say
    so. Colours stay in the space of the file's profile.

    Args:
        path: The file. Its content counts, not its suffix.

    Raises:
        UserError: If it is missing, not an image, damaged, cut short, or of more pixels than is safe to decode.
    """
    path = Path(path)
    data = _read_bytes(path)
    # What Pillow warns of is something it could not read fully: that is a note.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # at twice that size it is an error
        image = _load(path, data)
        upright, exif, notes = camera_metadata(image)
        try:
            rgb, more = to_rgb(upright)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
    notes += more
    profile = image.info.get("icc_profile") or None
    if profile and profile[16:20] != b"RGB ":
        notes.append(f"{profile[16:20].decode('latin-1').strip()} colour profile dropped")
        profile = None
    notes += [" ".join(str(warning.message).split()) for warning in caught]
    dpi = _dpi(image)
    return Picture(to_tensor(rgb), image.format or "", profile, exif, dpi, tuple(dict.fromkeys(notes)))


def write_image(pixels: Tensor, path: str | Path, like: Picture | None = None) -> None:
    """Writes an image so that the file is either whole or as it was before.

    Values are clamped and rounded to 8 bits. PNG, TIFF, WebP, BMP and PPM keep them exactly; JPEG has quality 95
    without chroma subsampling. BMP and PPM have no place for a colour profile or EXIF.

    Args:
        pixels: RGB (3, H, W) in [0, 1].
        path: The file; its suffix tells the format. Its folder has to exist.
        like: Where colour profile, EXIF and dots per inch come from.

    Raises:
        UserError: If the suffix is unknown, values are not numbers, or the format cannot hold the image.
        OSError: If the disk is full or the file cannot be written.
    """
    path = Path(path)
    name = format_of(path)
    if pixels.ndim != 3 or pixels.shape[0] != 3 or not pixels.isfinite().all():
        raise UserError(f"{path}: only finite values (3, H, W) can be written, not a tensor {tuple(pixels.shape)}")
    data = io.BytesIO()
    try:
        to_pil(pixels).save(data, name, **_OPTIONS.get(name, {}), **(like.metadata if like else {}))
    except (OSError, ValueError) as error:
        height, width = pixels.shape[-2:]
        raise UserError(f"{path}: {width} x {height} pixels do not fit a {name} file ({error}); try .png") from None
    with atomic_file(path) as temporary:
        write_bytes(temporary, data.getbuffer())


def format_of(path: Path) -> str:
    """Pillow's name of the format that a file's suffix stands for.

    Raises:
        UserError: If it stands for none.
    """
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: the name of an image has to end in one of {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); expected an image file") from None
    if not data:
        raise UserError(f"{path}: the file is empty (0 bytes); expected {READABLE}")
    return data


def _load(path: Path, data: bytes) -> Image.Image:
    try:
        return load_whole(data)
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise UserError(f"{path}: too many pixels to be decoded safely; the limit is {limit:,}") from None
    except Image.UnidentifiedImageError:
        raise UserError(f"{path}: not an image that can be read; expected {READABLE}, whole") from None
    except LOADING_ERRORS as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: the image is damaged or cut short ({reason}); a whole copy is needed") from None


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    values = [float(value) for value in image.info.get("dpi", ())]
    return (values[0], values[1]) if len(values) == 2 and all(0 < value < 1e5 for value in values) else None
