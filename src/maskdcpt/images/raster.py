"""The samples of one frame as a file holds them, upright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.images.colour import CMYK, cmyk_to_rgb

Samples: TypeAlias = np.ndarray[Any, np.dtype[Any]]

# What numpy has to do to an array (H, W, C) that is stored in each of EXIF's orientations: transpose, flip rows,
# flip columns.
_TURNS = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


@dataclass(frozen=True, eq=False)
class Raster:
    """One frame, upright."""

    samples: Samples
    """(H, W, C) of uint8, uint16 or float32: one or three colours, and alpha last where there is an even number."""
    duration: float = 0.0
    """Milliseconds for which the frame is shown; 0 in a still picture."""

    @property
    def depth(self) -> int:
        """Bits of a sample; 32 is floating point."""
        return 8 * self.samples.dtype.itemsize

    @property
    def grey(self) -> bool:
        """Whether there is one colour."""
        return bool(self.samples.shape[2] <= 2)

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return bool(self.samples.shape[2] % 2 == 0)

    def colours(self) -> Tensor:
        """RGB (3, H, W), float32 in [0, 1] for whole numbers, and any finite values for floating point."""
        planes = _scaled(self.samples[..., : 1 if self.grey else 3])
        return planes.repeat(3, 1, 1) if self.grey else planes

    def alpha(self) -> Tensor | None:
        """Opacity (1, H, W), float32 in [0, 1], if the frame has it."""
        return _scaled(self.samples[..., -1:]) if self.has_alpha else None


def largest(dtype: np.dtype[Any]) -> float:
    """The sample that stands for 1."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def turn_upright(samples: Samples, orientation: int) -> Samples:
    """Turns samples (H, W, C) that are stored in one of EXIF's orientations, 1 to 8; others count as 1."""
    transpose, rows, columns = _TURNS.get(orientation, (False, False, False))
    if transpose:
        samples = samples.transpose(1, 0, 2)
    return samples[:: -1 if rows else 1, :: -1 if columns else 1]


def from_pillow(image: Image.Image, profile: bytes | None, notes: list[str]) -> Samples:
    """Samples (H, W, C) of eight bits of a Pillow image; palettes and kinds of colours other than grey become RGB.

    Args:
        image: The image, loaded.
        profile: Its colour profile, by which CMYK becomes RGB.
        notes: Gets what has been approximated.

    Raises:
        UserError: If its kind of colours is not supported.
    """
    if image.mode == CMYK:
        return cmyk_to_rgb(np.asarray(image), profile, notes)
    transparent = "transparency" in image.info
    if image.mode == "1":  # whose transparent shade would be lost
        image = image.convert("L")
    if image.mode in ("P", "PA"):
        grey = _has_grey_palette(image)
        image = image.convert("RGBA" if transparent or image.mode == "PA" else "RGB")
        samples = np.asarray(image)
        return samples[..., [0, 3] if samples.shape[2] == 4 else [0]] if grey else samples
    modes = {"L": "LA" if transparent else "L", "LA": "LA", "La": "LA", "RGB": "RGBA" if transparent else "RGB"}
    modes |= {"RGBA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}
    if image.mode not in modes:
        raise UserError(f"colours of kind {image.mode} are not supported; convert the image to RGB")
    if image.mode == "YCbCr":
        notes.append("YCbCr converted to RGB")
    samples = np.asarray(image if image.mode == modes[image.mode] else image.convert(modes[image.mode]))
    return samples if samples.ndim == 3 else samples[..., None]


def _has_grey_palette(image: Image.Image) -> bool:
    entries = np.frombuffer(bytes(image.getpalette("RGB") or ()), np.uint8).reshape(-1, 3)
    used = entries[[index for index in np.unique(np.asarray(image.getchannel(0))) if index < len(entries)]]
    return bool((used == used[:, :1]).all())


def _scaled(samples: Samples) -> Tensor:
    # Channels are put one after another before values get four times as large.
    values = np.ascontiguousarray(samples.transpose(2, 0, 1)).astype(np.float32)
    if samples.dtype.kind == "u":
        values /= np.float32(largest(samples.dtype))
    return torch.from_numpy(values)
