"""How good a clean original is: functions of its pixels, and of the tables of its file.

Thresholds stand in ``recipe.Filters``; how the measures spread over real photos is told in docs/corpus.md.
"""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from maskdcpt.images import LUMA

BLOCK = 16
"""Side of the blocks that are told empty or not, in pixels."""

EMPTY = 2.0
"""Deviation of the grey values of an empty block, of 255: about that of the noise of a good photo."""

STANDARD = 57.625
"""Mean of the table for luminance at quality 50 (ITU-T T.81, table K.1)."""

_ZERO = 1e-6


def grey(pixels: Tensor) -> NDArray[np.float32]:
    """Grey values (H, W) in [0, 255] of an image (3, H, W) in [0, 1]."""
    planes = pixels.numpy()
    values: NDArray[np.float32] = sum(
        np.float32(255 * weight) * plane for weight, plane in zip(LUMA, planes, strict=True)
    )
    return values


def flat_share(values: NDArray[np.float32]) -> float:
    """Share of the blocks of 16 x 16 pixels without anything in them: sky, walls, borders.

    Args:
        values: Grey values (H, W) in [0, 255].

    Returns:
        In [0, 1]; 1 also for an image without a whole block.
    """
    rows, columns = (extent // BLOCK for extent in values.shape)
    if not rows or not columns:
        return 1.0
    blocks = values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return float((blocks.std(axis=(1, 3)) < EMPTY).mean())


def sharpness(values: NDArray[np.float32]) -> float:
    """Whether there is anything sharp in the image, whatever its contrast.

    The second differences over the first, each the 99th percentile of their size. An edge over one pixel has
    about 2, one that is blurred by a Gaussian of 1.5 pixels about 0.8; blur anywhere else in the image does not count.

    Args:
        values: Grey values (H, W) in [0, 255].

    Returns:
        0 or more; 0 for an image without any differences.
    """
    second = np.abs(cv2.Laplacian(np.ascontiguousarray(values), cv2.CV_32F))
    first = np.abs(np.diff(values, axis=-1))
    if not first.size:
        return 0.0
    slope = _percentile(first)
    return 0.0 if slope < _ZERO else _percentile(second) / slope


def jpeg_quality(data: bytes) -> int | None:
    """Quality of a JPEG file on the scale of the IJG, told by the mean of its table for luminance.

    Args:
        data: The file; its head is enough.

    Returns:
        1 to 100; None for other formats. Below 20, where tables reach their largest values, it comes out too high.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=("JPEG",))
    except OSError:
        return None
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    if 0 not in tables:
        return None
    scale = 100 * float(np.mean(tables[0])) / STANDARD
    quality = 100 - scale / 2 if scale <= 100 else 5000 / scale
    return min(max(math.floor(quality + 0.5), 1), 100)


def _percentile(values: NDArray[np.float32]) -> float:
    flat = values.ravel()
    place = (len(flat) - 1) * 99 // 100
    return float(np.partition(flat, place)[place])
