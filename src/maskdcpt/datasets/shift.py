"""How far the damaged image of a pair is shifted against the clean one, whatever the damage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.images import LUMA

Array = NDArray[np.float32]

TILE = 256
"""Side of the tiles that are compared, in pixels: up to nine of them, spread over the image."""

REACH = 16
"""Largest shift that is looked for, in pixels."""

CLARITY = 12.0
"""Least height of the peak, in standard deviations of the surface, for its place to be believed. Of 1,235 pairs of the
engine at 19 types of damage, a good part of them at the strongest level, the lowest had 13.8."""

UNLIKE = 7.0
"""Height of the peak up to which two images show nothing in common: pairs of unrelated photos came to 6.4 at most."""

SMALLEST = 60_000
"""Least area that is enough to tell, in pixels; no side may be shorter than half of ``TILE``."""

TEXTURE = 0.01
"""Least mean deviation from the surroundings, of values in [0, 1], for an image to tell anything."""

LIMIT = 0.8
"""Greatest shift of an aligned pair, in pixels. Aligned pairs of the engine came to 0.68 at most."""

LIMITS = {"blur_rain": 1.6, "low_quality": 1.6, "motion_blur": 6.0, "blur_jpeg": 6.0, "low_light_blur": 6.0}
"""The same for damage that itself moves things. A camera's path need not have its middle where the sharp image was
taken: aligned pairs of the engine came to 5.0 pixels, others to 1.3."""

SYSTEMATIC = 30
"""Pairs from which on the middle of their shifts tells of one that all have."""

_NEIGHBOURHOOD = 8.0
_SMOOTHNESS = 0.15
_PART = 0.3


class Shift(NamedTuple):
    """Where the damaged image lies against the clean one."""

    right: float
    """Pixels to the right."""
    down: float
    """Pixels down."""
    clarity: float
    """How much the best shift stands out from the others, in standard deviations: see ``CLARITY`` and ``UNLIKE``."""

    @property
    def length(self) -> float:
        """Pixels in all."""
        return float(np.hypot(self.right, self.down))


def estimate_shift(clean: Array, degraded: Array) -> Shift | None:
    """Estimates the shift between two grey images (H, W) in [0, 1] of one size.

    Both are normed by the mean and the deviation of their surroundings, which takes haze and darkness away, and
    correlated tile by tile, with the spectrum of the clean one levelled and high frequencies weighted down, which are
    noise and rain for the most part. The shift is the centre of what stands out near no shift: a blur moves parts of an
    image to all sides, and its middle alone is where the image is.

    Returns:
        The shift; None if the images are too small, or one is too uniform, to tell.
    """
    height, width = clean.shape
    if height * width < SMALLEST or min(height, width) < TILE // 2:
        return None
    one, other = _normed(clean), _normed(degraded)
    if one is None or other is None:
        return None
    tall, wide = min(TILE, height), min(TILE, width)
    window = cv2.createHanningWindow((wide, tall), cv2.CV_32F)
    low_pass = _low_pass(tall, wide)
    total = np.zeros((tall, wide // 2 + 1), np.complex128)
    for top in _starts(height, tall):
        for left in _starts(width, wide):
            tiles = (image[top : top + tall, left : left + wide] * window for image in (one, other))
            first, second = (np.fft.rfft2(tile) for tile in tiles)
            power, power_too = np.abs(first) ** 2, np.abs(second) ** 2
            level = np.sqrt((power + 1e-3 * power.mean() + 1e-9) * (power_too.mean() + 1e-9))
            total += low_pass * np.conj(first) * second / level
    surface = np.fft.fftshift(np.fft.irfft2(total, s=(tall, wide)))
    near = surface[
        tall // 2 - REACH : tall // 2 + REACH + 1,
        wide // 2 - REACH : wide // 2 + REACH + 1,
    ]
    weights = np.where(near > _PART * near.max(), near, 0)
    places = np.arange(-REACH, REACH + 1)
    right, down = ((weights.sum(axis) @ places) / weights.sum() for axis in (0, 1))
    return Shift(float(right), float(down), float(near.max() / surface.std()))


class Alignment(NamedTuple):
    """How the damaged image of a pair lies against the clean one."""

    kind: Literal["aligned", "shift", "unlike", "untold"]
    """``untold`` for images too small, too uniform or too damaged to tell; ``unlike`` for those of different things."""
    right: float = 0.0
    """Pixels to the right, where it can be told."""
    down: float = 0.0
    """Pixels down, where it can be told."""

    @property
    def told(self) -> bool:
        """Whether the two show the same, so that the shift means something."""
        return self.kind in ("aligned", "shift")

    @property
    def problem(self) -> str:
        """What is wrong, a few words; empty where nothing is, or it cannot be told."""
        if self.kind == "unlike":
            return "shows nothing of its clean image"
        if self.kind != "shift":
            return ""
        parts = ((self.right, "right of", "left of"), (self.down, "below", "above"))
        far = [(abs(value), more if value > 0 else less) for value, more, less in parts if abs(value) >= 0.3]
        return f"lies {' and '.join(f'{value:.1f} px {where}' for value, where in far)} its clean image"


def find_alignment(clean: Array, degraded: Array, damage: str | None) -> Alignment:
    """Compares two grey images (H, W) in [0, 1] of one size.

    Args:
        clean: The clean image.
        degraded: The damaged one.
        damage: Type of damage, some of which move things; None where it is not known.
    """
    shift = estimate_shift(clean, degraded)
    if shift is not None and shift.clarity <= UNLIKE:
        return Alignment("unlike")
    if shift is None or shift.clarity < CLARITY:
        return Alignment("untold")
    off = shift.length > LIMITS.get(damage or "", LIMIT)
    return Alignment("shift" if off else "aligned", shift.right, shift.down)


def common_shift(alignments: Sequence[Alignment]) -> tuple[float, float] | None:
    """Pixels right and down by which all pairs are shifted alike; None if they are not, or are too few to tell."""
    told = [(each.right, each.down) for each in alignments if each.told]
    if len(told) < SYSTEMATIC:
        return None
    right, down = np.median(np.array(told), axis=0).tolist()
    return (right, down) if np.hypot(right, down) > LIMIT else None


def grey(pixels: Tensor) -> Array:
    """Luma (H, W) of an image (3, H, W), both in [0, 1]."""
    luma: Array = np.tensordot(np.array(LUMA, np.float32), pixels.numpy(), 1)
    return luma


def _normed(image: Array) -> Array | None:
    image = np.ascontiguousarray(image, np.float32)
    difference = image - cv2.GaussianBlur(image, (0, 0), _NEIGHBOURHOOD)
    deviation = np.sqrt(cv2.GaussianBlur(difference * difference, (0, 0), _NEIGHBOURHOOD) + np.float32(1e-4))
    if float(deviation.mean()) < np.hypot(TEXTURE, 1e-2):
        return None
    normed: Array = (difference / deviation).astype(np.float32)
    return normed


def _low_pass(tall: int, wide: int) -> NDArray[np.float64]:
    squares = np.fft.fftfreq(tall)[:, None] ** 2 + np.fft.rfftfreq(wide)[None] ** 2
    weights: NDArray[np.float64] = np.exp(-squares / (2 * _SMOOTHNESS**2))
    return weights


def _starts(extent: int, tile: int) -> Iterator[int]:
    yield from sorted({round(place) for place in np.linspace(0, extent - tile, 3)})
