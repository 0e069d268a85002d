"""A photo before and after, small enough that hundreds of them fit on a page."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from PIL import Image, ImageChops
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.reports.page import data_uri, to_bytes, webp

WHOLE = 640
"""Longer side of a photo on the page, in pixels; larger ones are scaled down."""

DETAIL = 320
"""Side of the part that is shown at its real size where the whole is scaled down, in pixels."""

CHARACTERS = 127_000
"""Of all pictures of one photo, so that those of 300 photos are below 40 MB."""

QUALITIES = (92, 85, 75, 65, 55, 45, 35, 25)
"""Of WebP: the first that makes the pictures small enough, or else the last."""

SHRINKING = (1, 0.7, 0.5, 0.35)
"""What the sides above are multiplied by, in turn, where the last quality does not suffice, as in strong noise."""

STEP = 16
"""Pixels from one place to the next at which the detail is looked for."""


@dataclass(frozen=True)
class Previews:
    """Data URIs of one photo."""

    before: str
    """The whole of it."""
    after: str
    """The same restored; empty where it was left as it is."""
    size: tuple[int, int]
    """Width and height of both, in pixels."""
    detail_before: str
    """The part where most has changed, pixel for pixel; empty where the whole is just that."""
    detail_after: str
    """The same part restored; empty as well where the photo was left as it is."""
    box: tuple[float, float, float, float]
    """Where in the whole the detail lies: left, top, width and height, each from 0 to 1."""

    @property
    def characters(self) -> int:
        """Length of all pictures on the page."""
        return sum(map(len, (self.before, self.after, self.detail_before, self.detail_after)))


def make_previews(before: Image.Image, after: Image.Image | None) -> Previews:
    """Scales a photo down, and cuts out where most has changed.

    Both sides of a comparison have the same quality, so that what differs is the photo's and not the preview's.

    Args:
        before: The photo, RGB.
        after: The same restored; None where it was left as it is.
    """
    found = [_at_scale(before, after, SHRINKING[0])]
    for factor in SHRINKING[1:]:
        if found[-1].characters <= CHARACTERS:
            break
        found.append(_at_scale(before, after, factor))
    return found[-1]


def as_photo(image: Tensor | Image.Image) -> Image.Image:
    """An image in either form as RGB with eight bits a value."""
    if isinstance(image, Tensor):
        return to_bytes(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def require_same_size(before: Image.Image, after: Image.Image | None) -> None:
    """Refuses to lay images over one another that do not fit.

    Raises:
        UserError: If their sizes differ.
    """
    if after is not None and after.size != before.size:
        sizes = " and ".join("{} x {}".format(*each.size) for each in (before, after))
        raise UserError(f"before and after are of one size, not {sizes} pixels")


def _at_scale(before: Image.Image, after: Image.Image | None, factor: float) -> Previews:
    both = (before, after) if after is not None else (before,)
    scale = max(before.size) / (factor * WHOLE)
    if scale <= 1:
        return Previews(*_sources(both, CHARACTERS), before.size, "", "", (0, 0, 1, 1))
    small = (max(1, round(before.width / scale)), max(1, round(before.height / scale)))
    reduced = tuple(each.resize(small, Image.Resampling.LANCZOS, reducing_gap=3) for each in both)
    box = _most_changed(before, after, round(factor * DETAIL))
    details = tuple(each.crop(box) for each in both)
    left, top, right, bottom = box
    width, height = before.size
    place = (left / width, top / height, (right - left) / width, (bottom - top) / height)
    return Previews(*_sources(reduced, CHARACTERS // 2), small, *_sources(details, CHARACTERS // 2), place)


def _sources(images: tuple[Image.Image, ...], limit: int) -> tuple[str, str]:
    @cache
    def sources(place: int) -> list[str]:
        return [data_uri("image/webp", webp(image, QUALITIES[place])) for image in images]

    last = len(QUALITIES) - 1
    chosen = bisect_left(range(last), True, key=lambda place: sum(map(len, sources(place))) <= limit)
    before, after = [*sources(chosen), ""][:2]
    return before, after


def _most_changed(before: Image.Image, after: Image.Image | None, side: int) -> tuple[int, int, int, int]:
    """The part that differs most; of a photo that was left as it is, the middle."""
    sides = [min(side, extent) for extent in before.size]
    if after is None:
        left, top = ((whole - part) // 2 for whole, part in zip(before.size, sides, strict=True))
    else:
        changes = ImageChops.difference(before, after).convert("L").reduce(STEP)
        map_ = torch.frombuffer(bytearray(changes.tobytes()), dtype=torch.uint8).view(changes.height, changes.width)
        kernel = [max(1, part // STEP) for part in reversed(sides)]
        sums = F.avg_pool2d(map_[None, None].float(), kernel, stride=1)[0, 0]
        row, column = divmod(int(sums.argmax()), sums.shape[1])
        left = min(column * STEP, before.width - sides[0])
        top = min(row * STEP, before.height - sides[1])
    return left, top, left + sides[0], top + sides[1]
