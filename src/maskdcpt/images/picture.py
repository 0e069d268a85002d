"""The first frame of an image file in the colours that it has, which is what training and measuring need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from maskdcpt.errors import UserError, naming
from maskdcpt.images.colour import CMYK_PROFILE, RGB_PROFILE, profile_kind
from maskdcpt.images.containers import open_source
from maskdcpt.images.damage import refusing
from maskdcpt.images.exif import HEADER
from maskdcpt.images.raster import Raster
from maskdcpt.images.sources import Source
from maskdcpt.shortage import within_memory


@dataclass(frozen=True, eq=False)
class Picture:
    """An image from a file, upright, with what is needed to write it back."""

    pixels: Tensor
    """RGB (3, H, W), float32 in [0, 1]."""
    format: str
    """Name of the file's format, told by its content."""
    icc_profile: bytes | None
    """The colour profile, if the file has one for RGB values."""
    exif: bytes | None
    """What the camera noted, without the orientation, which has been applied, and the thumbnail, which shows the image
    as it was."""
    dpi: tuple[float, float] | None
    """Dots per inch, across and down."""
    notes: tuple[str, ...]
    """What ``pixels`` lack that the file has, and what files of eight bits will, a short statement each."""
    deep: bool
    """Whether the file's values have more than eight bits, and so may those of ``pixels``."""

    @property
    def metadata(self) -> dict[str, Any]:
        """Profile, EXIF and dots per inch, where there are any, as Pillow's ``save`` and ``info`` name them."""
        values = {"icc_profile": self.icc_profile, "exif": self.exif, "dpi": self.dpi}
        return {name: value for name, value in values.items() if value is not None}


def decode_picture(data: bytes, name: object, limit: int) -> Picture:
    """Decodes the first frame of an image file.

    Args:
        data: All of the file.
        name: What messages call it.
        limit: Pixels that its frames may have together.

    Raises:
        TooManyPixels: If it has more.
        UserError: If it is not an image, damaged, cut short, of colours or samples that are not supported, or of values
            outside [0, 1], or if memory does not suffice.
    """
    with refusing(name, limit):
        source = open_source(data, limit)
        raster = source.read(0)
    with within_memory(name, "read"), naming(name):
        return _view(source, raster)


def _view(source: Source, raster: Raster) -> Picture:
    pixels = raster.colours()
    low, high = (bound.item() for bound in pixels.aminmax())
    if not (low >= 0 and high <= 1):  # false for what is not a number as well
        raise UserError(f"values have to be in [0, 1], not from {low:g} to {high:g}")
    metadata = source.metadata
    profile = metadata.icc if metadata.icc and profile_kind(metadata.icc) == RGB_PROFILE else None
    return Picture(
        pixels=pixels,
        format=source.format,
        icc_profile=profile,
        exif=None if metadata.exif is None else HEADER + metadata.exif,
        dpi=metadata.dpi,
        notes=tuple(dict.fromkeys([*source.notes, *_losses(source, raster)])),
        deep=raster.depth > 8,
    )


def _losses(source: Source, raster: Raster) -> list[str]:
    metadata = source.metadata
    kind = profile_kind(metadata.icc or b"")
    statements = {
        f"only the first of {source.frames} frames": source.frames > 1,
        f"{'16-bit' if raster.depth == 16 else 'floating point'} reduced to 8-bit": raster.depth > 8,
        "alpha channel dropped": raster.has_alpha,
        "grey expanded to RGB": raster.grey,
        "XMP metadata dropped": metadata.xmp is not None,
        "text comments dropped": bool(metadata.texts) or metadata.comment is not None,
        f"colour profile for {kind} dropped": metadata.icc is not None and kind not in (RGB_PROFILE, CMYK_PROFILE),
    }
    return [statement for statement, holds in statements.items() if holds]
