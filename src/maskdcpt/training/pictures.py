"""Pictures of what a network makes of a batch, as training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from maskdcpt.images import to_pil, to_tensor, write_image
from maskdcpt.masking import VisibleMask

PICTURES = "pictures"
"""Folder of the pictures of a run."""

PRETRAINING_TITLES = ("masked input", "reconstruction", "target")
RESTORATION_TITLES = ("input", "restored", "target")

SAMPLES = 4
"""Samples of a batch that are shown at most."""

LEAST = 128
"""Smaller pictures are enlarged, each pixel to a square of pixels, until they are at least so wide."""

HIDDEN = 0.5
"""Grey of hidden patches."""

_GAP = 4
_LINE = 14


def masked_input(damaged: Tensor, mask: VisibleMask) -> Tensor:
    """Damaged images (N, 3, H, W) with their hidden patches in flat grey."""
    return torch.where(mask.at((damaged.shape[-2], damaged.shape[-1])), damaged, HIDDEN)


def type_captions(classes: Sequence[str], labels: Tensor, logits: Tensor | None) -> list[str]:
    """What damages each image, and what the classifier takes it for.

    Args:
        classes: Names of the types in the order of the logits.
        labels: Numbers of types (N,), or 0 and 1 for several types an image (N, classes).
        logits: Scores (N, classes); None without a classifier.
    """
    true = _names(classes, labels)
    if logits is None:
        return true
    named = _names(classes, logits.argmax(1) if labels.ndim == 1 else logits > 0)
    return [f"{right}, named {guess}" for right, guess in zip(true, named, strict=True)]


def progress_picture(
    rows: Sequence[Sequence[Tensor]], titles: Sequence[str], captions: Sequence[str] = ()
) -> Image.Image:
    """Puts pictures of up to ``SAMPLES`` samples on one sheet.

    Args:
        rows: For each sample its pictures (3, H, W), all of one size; values are clamped to [0, 1], and
            black where they are not finite.
        titles: What each column shows.
        captions: What stands under each row; none for no text.
    """
    shown = rows[:SAMPLES]
    font = ImageFont.load_default()
    scale = -(-LEAST // shown[0][0].shape[-1])
    height, width = (extent * scale for extent in shown[0][0].shape[-2:])
    below = _LINE if captions else 0
    lines = [int(font.getlength(caption)) + 2 * _GAP for caption in captions[: len(shown)]]
    size = (
        max([len(titles) * (width + _GAP) + _GAP, *lines]),
        _LINE + _GAP + len(shown) * (height + below + _GAP),
    )
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((_GAP + column * (width + _GAP), 1), title, fill="black", font=font)
    for row, pictures in enumerate(shown):
        top = _LINE + _GAP + row * (height + below + _GAP)
        for column, pixels in enumerate(pictures):
            image = to_pil(pixels.float().nan_to_num(0, 0, 0)).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(image, (_GAP + column * (width + _GAP), top))
        if captions:
            draw.text((_GAP, top + height + 1), captions[row], fill="black", font=font)
    return sheet


def write_picture(run: Path, step: int, picture: Image.Image) -> Path:
    """Writes the picture of a step into a run folder; it is there whole or not at all.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    path = run / PICTURES / f"step-{step:08d}.png"
    path.parent.mkdir(exist_ok=True)
    write_image(to_tensor(picture), path)
    return path


def list_pictures(run: Path) -> list[Path]:
    """The pictures of a run, oldest first."""
    return sorted((run / PICTURES).glob("step-*.png"))


def _names(classes: Sequence[str], labels: Tensor) -> list[str]:
    if labels.ndim == 1:
        return [classes[label] for label in labels.tolist()]
    several = ([name for name, holds in zip(classes, row, strict=True) if holds] for row in labels.tolist())
    return [" + ".join(names) or "nothing" for names in several]
