"""Colours between the space of a file's profile and sRGB, which is what networks are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import imagecodecs
import numpy as np
import torch
from torch import Tensor

CMYK = "CMYK"

RGB_PROFILE, GREY_PROFILE, CMYK_PROFILE = "RGB", "GRAY", CMYK
"""What the header of a profile (ICC.1:2010, 7.2.6) calls the colours that it is for."""

_SRGB = bytes(imagecodecs.cms_profile("srgb"))
_INTENT = imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC

_SAME = 0.25 / 255
"""Profiles that move no colour by more are sRGB by another name, and values are left as they are."""

_ROWS_AT_ONCE = 1 << 20  # pixels; what little-cms takes besides the image stays below 40 MB

_Values = np.ndarray[Any, np.dtype[Any]]


def profile_kind(profile: bytes) -> str:
    """What colours a profile is for, as its header says: "RGB", "GRAY", "CMYK" or another."""
    return profile[16:20].decode("latin-1").strip()


@dataclass(frozen=True)
class ColourSpace:
    """The colours of an RGB profile."""

    profile: bytes
    """The ICC profile."""

    def to_srgb(self, pixels: Tensor) -> Tensor:
        """Colours (3, H, W) in sRGB; those that sRGB does not hold come out beyond [0, 1].

        Raises:
            ValueError: If little-cms cannot read the profile.
        """
        return _convert(pixels, self.profile, _SRGB)

    def from_srgb(self, pixels: Tensor) -> Tensor:
        """Colours (3, H, W) of sRGB in this space."""
        return _convert(pixels, _SRGB, self.profile)


@lru_cache(maxsize=16)
def colour_space(profile: bytes) -> ColourSpace | None:
    """The space of an RGB profile, or None where it is sRGB to within a quarter of an 8-bit level.

    Raises:
        ValueError: If little-cms cannot read the profile.
    """
    space = ColourSpace(profile)
    shades = np.linspace(0, 1, 9, dtype=np.float32)
    colours = torch.tensor(list(product(shades.tolist(), repeat=3))).T[:, None]
    there = space.to_srgb(colours)
    if not (there.isfinite().all() and space.from_srgb(colours).isfinite().all()):
        raise ValueError("the colour profile gives values that are not numbers")
    return None if (there - colours).abs().max() < _SAME else space


def cmyk_to_rgb(samples: _Values, profile: bytes | None, notes: list[str]) -> _Values:
    """Ink (H, W, 4), unsigned whole numbers, as sRGB (H, W, 3) of the same type.

    Args:
        samples: The ink; the largest number covers all.
        profile: Its profile. Without one for CMYK that can be read, ink takes away the light where it lies, no more.
        notes: Gets which of both was done.
    """
    if profile is not None and profile_kind(profile) == CMYK_PROFILE:
        try:
            converted: _Values = imagecodecs.cms_transform(
                np.ascontiguousarray(samples),
                profile,
                _SRGB,
                colorspace="cmyk",
                outcolorspace="rgb",
                intent=_INTENT,
                flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
            )
        except RuntimeError:
            return cmyk_to_rgb(samples, None, notes)
        notes.append("CMYK converted to RGB by its profile")
        return converted
    notes.append("CMYK converted to RGB")
    most = np.iinfo(samples.dtype).max
    left = (most - samples).astype(np.float32)
    return np.asarray((left[..., :3] * left[..., 3:] / most).round(), samples.dtype)


def _convert(pixels: Tensor, source: bytes, target: bytes) -> Tensor:
    result = torch.empty_like(pixels)
    rows = max(1, _ROWS_AT_ONCE // pixels.shape[2])
    for top in range(0, pixels.shape[1], rows):
        values = np.ascontiguousarray(pixels[:, top : top + rows].permute(1, 2, 0).numpy(), np.float32)
        try:
            converted = imagecodecs.cms_transform(
                values, source, target, colorspace="rgb", outcolorspace="rgb", intent=_INTENT
            )
        except RuntimeError as error:
            raise ValueError(f"the colour profile cannot be used ({error})") from None
        result[:, top : top + rows] = torch.from_numpy(converted).permute(2, 0, 1)
    return result
