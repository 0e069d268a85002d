"""Compression with loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.eight_bit import to_bytes, to_floats
from maskdcpt.degradations.limits import require_sides
from maskdcpt.degradations.parameters import parameter

JPEG_LIMIT = 65500
"""Most pixels along a side of a JPEG file: what libjpeg writes, a little below the 65535 that the format allows."""

WEBP_LIMIT = 16383
"""Most pixels along a side of a WebP file."""


@dataclass(frozen=True)
class Jpeg(Level):
    """A JPEG file: the picture written and read again by OpenCV's codec.

    Baseline JPEG (ITU-T T.81) with the quantisation tables of its Annex K, scaled by the quality as the Independent
    JPEG Group does, and colours at half resolution (4:2:0). Nothing is random. The codec gives what it gives to 8-bit
    pictures; four tenths of the time go into checking floats and turning them into bytes and back.
    """

    type_name: ClassVar[str] = "jpeg"
    title: ClassVar[str] = "JPEG compression"

    quality: int = parameter(1, 100, "of the codec, 100 = best", whole=True)
    """Quality as the Independent JPEG Group counts it, without unit: 100 is the best."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Writes and reads."""
        sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
        return _through(image, ".jpg", JPEG_LIMIT, [cv2.IMWRITE_JPEG_QUALITY, self.quality, *sampling])


@dataclass(frozen=True)
class WebP(Level):
    """A lossy WebP file: the picture written and read again by OpenCV's codec.

    Its frames are those of the video codec VP8 (RFC 6386): blocks are predicted from their neighbours before they are
    transformed, and edges between them are smoothed, so that the damage is smeared rather than blocky. Nothing is
    random.
    """

    type_name: ClassVar[str] = "webp"
    title: ClassVar[str] = "WebP compression"

    quality: int = parameter(1, 100, "of the codec, 100 = best", whole=True)
    """Quality as libwebp counts it, without unit: 100 is the best and still not lossless."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Writes and reads."""
        return _through(image, ".webp", WEBP_LIMIT, [cv2.IMWRITE_WEBP_QUALITY, self.quality])


def _through(image: Pixels, suffix: str, limit: int, options: list[int]) -> Pixels:
    """The picture after it was a file."""
    require_sides(image, limit, f"a {suffix} file")
    red, green, blue = to_bytes(image)
    _, file = cv2.imencode(suffix, cv2.merge((blue, green, red)), options)
    blue, green, red = cv2.split(np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR)))
    return to_floats((red, green, blue))
