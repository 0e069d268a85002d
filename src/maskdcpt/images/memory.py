"""Images in memory as restoration needs them: what a network is to see, and the way back to the form that they had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import numpy as np
from PIL import Image
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.images.colour import RGB_PROFILE, ColourSpace, colour_space, profile_kind
from maskdcpt.images.damage import refusing
from maskdcpt.images.document import view_raster
from maskdcpt.images.exif import HEADER
from maskdcpt.images.formats import Format
from maskdcpt.images.forms import Array, ImageT, require_array, require_range, to_tensor
from maskdcpt.images.io import read_document
from maskdcpt.images.metadata import Metadata
from maskdcpt.images.raster import Raster, Samples, from_pillow
from maskdcpt.images.samples import to_samples

_MEMORY = Format("MEMORY", "an array", (), "", depths=(8, 16, 32))
_PILLOW = Format("PILLOW", "a Pillow image", (), "", depths=(8, 16, 32))

_EIGHT_BITS = ("RGB", "L", "RGBA", "LA", "P", "PA", "1", "La", "RGBa", "RGBX")


@dataclass(frozen=True, eq=False)
class Held(Generic[ImageT]):
    """An image whose colours are to be replaced."""

    pixels: Tensor
    """What a network is to see: sRGB (3, H, W), float32 in [0, 1]."""
    put_back: Callable[[Tensor], ImageT]
    """From restored pixels, in the memory of the machine, to an image of the same form, with all else as it was."""
    notes: list[str] = field(default_factory=list)
    """What was dropped or approximated, a short statement each; grows when pixels are put back."""


def hold(image: ImageT) -> Held[ImageT]:
    """Takes an image apart.

    Args:
        image: One of: an array (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4), grey or RGB, with opacity last
            where there is one, of unsigned integers of 8 or 16 bits or floats in [0, 1]; a Pillow image of mode 1, L,
            LA, RGB, RGBA, P, I;16, I (0 to 65535) or F (0 to 1), taken as its pixels stand, whatever its EXIF says
            about orientation, in the colours of its profile; a tensor (3, H, W) of floats in [0, 1].

    Returns:
        The image. Its form stays, with these exceptions for Pillow images: a palette becomes the colours that it
        stands for, one bit a pixel becomes L, and a transparent colour becomes an alpha channel.

    Raises:
        UserError: If it is none of these, is empty, or has values outside [0, 1] or that are not numbers.
    """
    if isinstance(image, Image.Image):
        return _hold_pillow(image)
    if isinstance(image, np.ndarray):
        return _hold_array(image)
    pixels = to_tensor(image)  # refuses what is no image at all
    return Held(pixels, lambda restored: restored.to(image.device, image.dtype))


def hold_file(path: str | Path) -> Held[Image.Image]:
    """Opens the first frame of a file, to become a Pillow image as near to it as there is one.

    Pillow has 16 bits and floating point for grey alone; other files become 8 bits, which is noted, as is whatever
    else is left out. Colour profile, EXIF, XMP, dots per inch and texts are in the image's ``info``.

    Raises:
        UserError: If it is missing, not an image, damaged, cut short, of a kind that is not supported, or of more
            pixels than is safe to decode.
    """
    document = read_document(path)
    frame = document.frames[0]
    notes = list(document.notes)
    if len(document.frames) > 1:
        notes.append(f"only the first of {len(document.frames)} frames")

    def put_back(restored: Tensor) -> Image.Image:
        depth = frame.raster.depth if frame.raster.samples.shape[2] == 1 else 8
        colours = frame.put_back(restored, frame.space)
        image = _to_pillow(to_samples(colours, frame.raster, _PILLOW, depth, notes).samples)
        image.info = _info(document.metadata)
        return image

    return Held(frame.pixels, put_back, notes)


def _hold_array(array: Array) -> Held[Array]:
    require_array(array, (1, 2, 3, 4))
    samples = array.reshape(*array.shape[:2], -1)
    raster = Raster(samples.astype(np.float32) if array.dtype.kind == "f" else samples)
    pixels, replace = _hold_raster(raster, None)

    def put_back(restored: Tensor) -> Array:
        values: Array = replace(restored).reshape(array.shape).astype(array.dtype)
        if raster.has_alpha:  # in the precision that it had
            values[..., -1] = array[..., -1]
        return values

    return Held(pixels, put_back)


def _hold_pillow(image: Image.Image) -> Held[Image.Image]:
    with refusing(getattr(image, "filename", "") or "the Pillow image"):
        image.load()
    notes: list[str] = []
    raster = Raster(_pillow_samples(image))
    space = None if raster.grey else _space(image.info.get("icc_profile"), notes)
    pixels, replace = _hold_raster(raster, space)

    def put_back(restored: Tensor) -> Image.Image:
        samples = replace(restored)
        made = _to_pillow(samples.astype(np.int32) if image.mode == "I" else samples)
        made.info = {
            name: value for name, value in image.info.items() if name != "transparency" or not raster.has_alpha
        }
        return made

    return Held(pixels, put_back, notes)


def _hold_raster(raster: Raster, space: ColourSpace | None) -> tuple[Tensor, Callable[[Tensor], Samples]]:
    frame = view_raster(raster, space, [])

    def replace(restored: Tensor) -> Samples:
        colours = frame.put_back(restored, space).clamp(0, 1)
        return to_samples(colours, raster, _MEMORY, None, []).samples

    return frame.pixels, replace


def _pillow_samples(image: Image.Image) -> Samples:
    if image.mode in _EIGHT_BITS:
        samples = from_pillow(image, None, [])
    elif image.mode.startswith("I;16"):
        samples = np.asarray(image)[..., None].astype(np.uint16)
    elif image.mode == "F":
        samples = np.asarray(image)[..., None]
    elif image.mode == "I":
        values = np.asarray(image)[..., None]
        if values.size and not (values.min() >= 0 and values.max() <= 65535):
            found = f"from {values.min()} to {values.max()}"
            raise UserError(f"the values of a Pillow image of mode I have to be in [0, 65535], not {found}")
        samples = values.astype(np.uint16)
    else:
        raise UserError(f"a Pillow image of mode {image.mode} cannot be given back; try image.convert('RGB')")
    if not samples.size:
        raise UserError(f"an image needs a pixel or more, not the size {image.size}")
    if samples.dtype.kind == "f":
        require_range(samples.min().item(), samples.max().item())
    return samples


def _space(profile: bytes | None, notes: list[str]) -> ColourSpace | None:
    if not profile or profile_kind(profile) != RGB_PROFILE:
        return None
    try:
        return colour_space(profile)
    except ValueError:
        notes.append("colours taken for sRGB, for their profile cannot be read")
        return None


def _to_pillow(samples: Samples) -> Image.Image:
    return Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)


def _info(metadata: Metadata) -> dict[str | tuple[int, int], Any]:
    values = {
        **dict(metadata.texts),
        "icc_profile": metadata.icc,
        "exif": None if metadata.exif is None else HEADER + metadata.exif,
        "xmp": metadata.xmp,
        "dpi": metadata.dpi,
        "comment": metadata.comment,
    }
    return {name: value for name, value in values.items() if value is not None}
