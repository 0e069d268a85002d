"""Reading and writing image files: nothing is dropped without a note, nothing damaged is taken for whole."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from torch import Tensor

from maskdcpt.errors import UserError, naming
from maskdcpt.files import write_whole
from maskdcpt.images.document import Document, decode_document
from maskdcpt.images.encode import encode
from maskdcpt.images.exif import HEADER
from maskdcpt.images.formats import format_named, format_of
from maskdcpt.images.forms import to_pil
from maskdcpt.images.limits import pixel_limit
from maskdcpt.images.metadata import Metadata
from maskdcpt.images.opening import read_bytes
from maskdcpt.images.picture import Picture, decode_picture
from maskdcpt.images.raster import Raster
from maskdcpt.shortage import within_memory


def read_image(path: str | Path) -> Picture:
    """Reads the first frame of an image file, of any kind that can be read.

    Grey images become RGB, alpha channels and further frames are dropped: the notes say so. Colours stay in the space
    of the file's profile.

    Args:
        path: The file. Its content counts, not its suffix.

    Raises:
        UserError: If it is missing, not an image, damaged, cut short, of values outside [0, 1], or of more pixels than
            is safe to decode.
    """
    path = Path(path)
    return decode_image(read_bytes(path), path)


def decode_image(data: bytes, name: object) -> Picture:
    """Decodes the bytes of an image file, as ``read_image`` does.

    Args:
        data: All of the file.
        name: What messages call it.

    Raises:
        UserError: If it is not an image, damaged, cut short, of values outside [0, 1], or of more pixels than is safe
            to decode.
    """
    return decode_picture(data, name, pixel_limit())


def write_image(pixels: Tensor, path: str | Path, like: Picture | None = None) -> None:
    """Writes an image so that the file is either whole or as it was before.

    Values are clamped and rounded to 8 bits. JPEG has quality 95 without chroma subsampling, AVIF and HEIC have quality
    95, and GIF has 256 colours; the other formats keep the values exactly. What a format has no place for is left out.

    Args:
        pixels: RGB (3, H, W) in [0, 1].
        path: The file; its suffix tells the format. Its folder has to exist.
        like: Where colour profile, EXIF and dots per inch come from.

    Raises:
        UserError: If the suffix is unknown, values are not numbers, or the format cannot hold the image.
        OSError: If the disk is full or the file cannot be written.
    """
    path = Path(path)
    target = format_named(format_of(path))
    if pixels.ndim != 3 or pixels.shape[0] != 3 or not pixels.isfinite().all():
        raise UserError(f"{path}: only finite values (3, H, W) can be written, not a tensor {tuple(pixels.shape)}")
    metadata = Metadata()
    if like is not None:
        exif = None if like.exif is None else like.exif.removeprefix(HEADER)
        metadata = Metadata(exif=exif, icc=like.icc_profile, dpi=like.dpi)
    raster = Raster(np.asarray(to_pil(pixels)))
    with within_memory(path, "written"), naming(path):
        made = encode(target, [raster], metadata, {}, None)
    write_whole(path, made.data)


def read_document(path: str | Path, limit: int | None = None) -> Document:
    """Opens an image file to restore it without losing anything, and decodes its first frame.

    Args:
        path: The file. Its content counts, not its suffix.
        limit: Pixels that all frames may have together; None for what ``MASKDCPT_MAX_PIXELS`` says, or the default.

    Raises:
        UserError: If it is missing, not an image, damaged, cut short, of a kind that is not supported, or of more
            pixels than the limit.
    """
    path = Path(path)
    return decode_document(read_bytes(path), path, limit)


def write_document(
    document: Document,
    pixels: Iterable[Tensor],
    path: str | Path,
    *,
    quality: int | None = None,
    depth: int | None = None,
    metadata: bool = True,
) -> tuple[str, ...]:
    """Writes restored pixels with everything else of a document, so that the file is either whole or as it was before.

    Args:
        document: What ``pixels`` were restored from.
        pixels: For each frame sRGB (3, H, W) in [0, 1].
        path: The file; its suffix tells the format. Its folder has to exist.
        quality: As in ``Document.encode``.
        depth: Likewise.
        metadata: Likewise.

    Returns:
        What the format could not hold, a short statement each.

    Raises:
        UserError: If the suffix is unknown, or for the reasons of ``Document.encode``.
        OSError: If the disk is full or the file cannot be written.
    """
    path = Path(path)
    target = format_of(path)
    made = document.encode(pixels, target, quality=quality, depth=depth, metadata=metadata)
    write_whole(path, made.data)
    return made.notes
