"""How large a picture is, without decoding it where the head of its file tells."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from maskdcpt.images.damage import refusing
from maskdcpt.images.limits import pixel_limit, require_pixels
from maskdcpt.images.opening import open_file, read_bytes
from maskdcpt.images.picture import decode_picture

_TURNED = range(5, 9)
"""Orientations of EXIF that swap width and height."""


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height of the first frame of an image file in pixels, upright, as ``read_image`` gives it.

    What Pillow does not know, such as PAM and TIFF of floating-point colours, is decoded.

    Args:
        path: The file. Its content counts, not its suffix.

    Raises:
        UserError: If it is missing, cannot be read, is not an image, or has more pixels than is safe to decode. Damage
            behind the head is not seen.
    """
    path, limit = Path(path), pixel_limit()
    size = _size_in_head(path, limit)
    if size is None:
        height, width = decode_picture(read_bytes(path), path, limit).pixels.shape[-2:]
        size = width, height
    return size


def _size_in_head(path: Path, limit: int) -> tuple[int, int] | None:
    """Width and height, upright, as Pillow tells them; None where it does not know the file."""
    with open_file(path) as file, refusing(path, limit):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # whose limit is another
                with Image.open(file) as image:
                    width, height = image.size
                    # Of TIFF files Pillow tells the upright size.
                    turned = image.format != "TIFF" and image.getexif().get(ExifTags.Base.Orientation, 1) in _TURNED
        except UnidentifiedImageError:
            return None
        require_pixels(width, height, 1, limit)
    return (height, width) if turned else (width, height)
