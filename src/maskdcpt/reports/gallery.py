"""How every kind of damage looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from maskdcpt.data import central_crop
from maskdcpt.degradations import Degradation, Level, apply
from maskdcpt.metrics import psnr
from maskdcpt.progress import progress_bar
from maskdcpt.reports.page import Picture, Strip, picture, write_page

SIDE = 320
"""Side of the part of the photo that is shown, in pixels."""


def write_gallery(path: Path, entries: Sequence[Degradation], photo: Tensor, seed: int = 0) -> Path:
    """Writes a page that shows each kind of level of each type at three levels, with PSNR.

    Args:
        path: The HTML file.
        entries: The types.
        photo: A clean photo (3, H, W) in [0, 1], damaged as a whole; its middle is shown.
        seed: Of the random outcomes.
    """
    sections = []
    with progress_bar(total=sum(len(entry.kinds) for entry in entries), title="gallery", unit="kind") as bar:
        for entry in entries:
            strips = []
            for kind in entry.kinds:
                strips.append(_strip(entry.only(kind), photo, seed))
                bar.update()
            sections.append((entry, strips))
    return write_page(
        path,
        "gallery.html",
        sections=sections,
        levels=sum(len(entry.levels) for entry in entries),
        clean=picture("clean", central_crop(photo, SIDE)),
    )


def _strip(part: Degradation, photo: Tensor, seed: int) -> Strip:
    levels = part.levels or part.held_out
    shown = [levels[index] for index in sorted({0, len(levels) // 2, len(levels) - 1})]
    return Strip(part.title if part.levels else f"{part.title} (held out)", [_shown(it, photo, seed) for it in shown])


def _shown(level: Level, photo: Tensor, seed: int) -> Picture:
    damaged = apply(photo, level, seed)
    values = ", ".join(
        f"{item.name} {value if isinstance(value, str) else f'{value:g}'}"
        for item in fields(level)
        for value in [getattr(level, item.name)]
    )
    return picture(f"{values}: {psnr(damaged, photo):.1f} dB", central_crop(damaged, SIDE))
