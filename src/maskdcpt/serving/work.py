"""What a worker does with an image: the only place where serving touches pixels."""

from __future__ import annotations

import io
import tempfile
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from maskdcpt.images import FORMATS, Picture, decode_image, to_pil, write_image
from maskdcpt.inference import Restorer
from maskdcpt.serving.frames import Message

SUFFIXES = {name.lower(): suffix for suffix, name in FORMATS.items()}
"""Name of a format to the suffix of its files."""

Format = StrEnum("Format", {name.upper(): name for name in sorted(SUFFIXES)})  # type: ignore[misc]
"""A format that restored images can have."""

PREVIEW_SIDE = 1600
"""Longest side of what the page shows, in pixels; files for download have their full size."""
PREVIEW_QUALITY = 90
"""Quality of the WebP files that the page shows, of 100."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be done with one image."""

    restore: bool = True
    """Whether to restore it, and not only to name its damage."""
    name: str = "image"
    """What messages call it; never a path."""
    format: str | None = None
    """Format of the restored file; None for that of the image."""
    strength: float = 1.0
    """Share of the restored image, in [0, 1]; the rest is the image as it was."""
    previews: bool = False
    """Whether to make pictures of before and after for a page, too."""

    def message(self, data: bytes) -> Message:
        """The task and the image file for a worker."""
        return Message(asdict(self), (data,))


def limit_pixels(count: int) -> None:
    """Refuses, from here on and in the whole process, to decode images of more pixels."""
    Image.MAX_IMAGE_PIXELS = max(count // 2, 1)  # above it Pillow warns, and above twice as much it refuses


def work(restorer: Restorer, request: Message) -> Message:
    """Does what a task says.

    Args:
        restorer: The network.
        request: A task with its image file.

    Returns:
        ``types`` (type of damage to probability, best first; None where the weights have no classifier), ``notes``
        (what was dropped or approximated), ``width``, ``height`` and ``seconds``. Of restored images ``format``,
        ``suffix`` and ``media_type`` as well, and as blobs the file and, where asked for, pictures of before and after.

    Raises:
        UserError: If the image cannot be read, restored or written.
    """
    task = Task(**request.values)
    begun = time.monotonic()
    picture = decode_image(request.blobs[0], task.name)
    values: dict[str, Any] = {
        "types": None,
        "notes": list(picture.notes),
        "width": picture.pixels.shape[-1],
        "height": picture.pixels.shape[-2],
    }
    blobs: list[bytes] = []
    if task.restore:
        restored, values["types"] = _restore(restorer, picture.pixels, task.strength)
        name = task.format or picture.format.lower()
        values |= {"format": name, "suffix": SUFFIXES.get(name, ""), "media_type": Image.MIME[name.upper()]}
        blobs.append(_encode(restored, values["suffix"], picture))
        if task.previews:
            blobs += [_preview(picture.pixels), _preview(restored)]
    else:
        values["types"] = restorer.classify(picture.pixels)
    values["seconds"] = time.monotonic() - begun
    return Message(values, tuple(blobs))


def _restore(restorer: Restorer, pixels: Tensor, strength: float) -> tuple[Tensor, dict[str, float] | None]:
    if restorer.classifier is None:
        restored, types = restorer.restore(pixels), None
    else:
        restored, types = restorer.restore_and_classify(pixels)
    return torch.lerp(pixels, restored, strength), types


def _encode(pixels: Tensor, suffix: str, like: Picture) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"image{suffix}"
        write_image(pixels, path, like=like)
        return path.read_bytes()


def _preview(pixels: Tensor) -> bytes:
    image = to_pil(pixels)
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "WEBP", quality=PREVIEW_QUALITY)
    return data.getvalue()
