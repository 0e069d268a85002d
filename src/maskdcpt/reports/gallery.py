"""How every kind of damage looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdcpt.data import central_crop
from maskdcpt.degradations import Degradation, Level, apply
from maskdcpt.metrics import psnr
from maskdcpt.progress import progress_bar
from maskdcpt.reports.page import Strip, picture, write_page

SIDE = 320
"""Side of the part of the photo that is shown, in pixels."""

DETAIL = 36
"""Side of the detail that is shown enlarged in a corner, in pixels."""

ZOOM = 4
"""How much larger."""


def write_gallery(path: Path, entries: Sequence[Degradation], photo: Tensor, seed: int = 0) -> Path:
    """Writes a page that shows each kind of level of each type at three levels, with PSNR.

    Args:
        path: The HTML file.
        entries: The types.
        photo: A clean photo (3, H, W) in [0, 1], damaged as a whole; its middle is shown.
        seed: Of the random outcomes.
    """
    sections = []
    detail = _liveliest(central_crop(photo, SIDE))
    with progress_bar(total=sum(len(entry.kinds) for entry in entries), title="gallery", unit="kind") as bar:
        for entry in entries:
            strips = []
            for kind in entry.kinds:
                strips.append(_strip(entry.only(kind), photo, detail, seed))
                bar.update()
            sections.append((entry, strips))
    return write_page(
        path,
        "gallery.html",
        sections=sections,
        levels=sum(len(entry.levels) for entry in entries),
        clean=picture("clean", _with_detail(central_crop(photo, SIDE), detail)),
        zoom=ZOOM,
    )


def _strip(part: Degradation, photo: Tensor, detail: tuple[int, int], seed: int) -> Strip:
    scores = {level: psnr(apply(photo, level, seed), photo) for level in part.levels or part.held_out}
    ranked = sorted(scores, key=lambda level: -scores[level])
    shown = [ranked[index] for index in sorted({0, len(ranked) // 2, len(ranked) - 1})]
    pictures = []
    for level in shown:
        middle = central_crop(apply(photo, level, seed), SIDE)
        pictures.append(picture(f"{_values(level)}: {scores[level]:.1f} dB", _with_detail(middle, detail)))
    return Strip(part.title if part.levels else f"{part.title} (held out)", pictures)


def _values(level: Level) -> str:
    values = {item.name: getattr(level, item.name) for item in fields(level)}
    return ", ".join(f"{name} {value if isinstance(value, str) else f'{value:.3g}'}" for name, value in values.items())


def _liveliest(image: Tensor) -> tuple[int, int]:
    # Where the picture changes most from pixel to pixel, so does fine damage.
    side = min(DETAIL, *image.shape[-2:])
    changes = F.pad(image.diff(dim=-1).abs().sum(0), (0, 1)) + F.pad(image.diff(dim=-2).abs().sum(0), (0, 0, 0, 1))
    sums = F.avg_pool2d(changes[None], side, stride=1)[0]
    row, column = divmod(int(sums.argmax()), sums.shape[1])
    return row, column


def _with_detail(image: Tensor, detail: tuple[int, int]) -> Tensor:
    row, column = detail
    part = image[:, row : row + DETAIL, column : column + DETAIL]
    large = F.pad(part.repeat_interleave(ZOOM, 1).repeat_interleave(ZOOM, 2), (2, 0, 2, 0), value=1.0)
    if any(extent > whole // 2 for extent, whole in zip(large.shape[1:], image.shape[1:], strict=True)):
        return image  # too small a picture to cover a quarter of it
    result = torch.clone(image)
    result[:, -large.shape[1] :, -large.shape[2] :] = large
    return result
