"""Reading and writing image files: nothing is dropped without a note, nothing damaged is taken for whole."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.files import atomic_file, write_bytes
from maskdcpt.images.decode import DAMAGE, Picture, decode, quiet_stderr
from maskdcpt.images.forms import to_pil

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

_READABLE = "a JPEG, PNG, WebP, TIFF, BMP or PPM file"

# WebP is written without loss, for what a network has restored should not be damaged again. "quality" is the effort
# then: the lowest takes a fifth of the time and gives the same size.
_OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True, "quality": 0},
}


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
    return decode_image(_read_bytes(path), path)


def decode_image(data: bytes, name: object) -> Picture:
    """Decodes the bytes of an image file, as ``read_image`` does.

    Args:
        data: All of the file.
        name: What messages call it.

    Raises:
        UserError: If it is not an image, damaged, cut short, or of more pixels than is safe to decode.
    """
    try:
        return decode(data)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise UserError(f"{name}: too many pixels to be decoded safely; {limit:,} are the limit") from None
    except UnidentifiedImageError:
        raise UserError(f"{name}: not an image that can be read; expected {_READABLE}, and a whole one") from None
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{name}: the image is damaged or cut short ({reason}); a whole copy is needed") from error


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
        with quiet_stderr():
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
        raise UserError(f"{path}: the file is empty (0 bytes); expected {_READABLE}")
    return data
