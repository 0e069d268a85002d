"""What a worker does with an image: the only place where serving touches pixels."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from maskdcpt.images import FORMATS, Document, Frame, decode_document, format_named, to_pil
from maskdcpt.inference import Verdict
from maskdcpt.inference.examined import Examined
from maskdcpt.inference.restorer import BaseRestorer
from maskdcpt.serving.frames import Message

Format = StrEnum("Format", {name: name.lower() for name in sorted(set(FORMATS.values()))})  # type: ignore[misc]
"""A format that restored images can have."""
Depth = IntEnum("Depth", {f"BITS_{bits}": bits for bits in (8, 16, 32)})  # type: ignore[misc]
"""Bits of a sample that they can have; 32 is floating point."""

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
    strength: float = 1.0
    """Share of the restored image, in [0, 1]; the rest is the image as it was."""
    format: str | None = None
    """Format of the restored file; None for that of the image."""
    quality: int | None = None
    """Of formats with loss, 1 to 100; None for that of the image, or little loss."""
    depth: int | None = None
    """Bits of a sample; None for those of the image."""
    metadata: bool = True
    """Whether the restored file keeps what the image says beside its colours."""
    previews: bool = False
    """Whether to make pictures of before and after for a page, too."""

    def message(self, data: bytes) -> Message:
        """The task and the image file for a worker."""
        return Message(asdict(self), (data,))


def work(restorer: BaseRestorer, request: Message, limit: int) -> Message:
    """Does what a task says.

    Args:
        restorer: The network.
        request: A task with its image file.
        limit: Pixels that all frames of the image may have together.

    Returns:
        ``verdict`` (the fields of ``Verdict``, of the first frame; None where the weights have no classifier),
        ``notes`` (what was dropped, approximated, or done in another way than usual), ``width``, ``height``,
        ``frames`` and ``seconds``. Of restored images ``suffix`` and ``media_type`` as well, and as blobs the file and,
        where asked for, pictures of before and after.

    Raises:
        TooManyPixels: If the image has more than the limit.
        UserError: If it cannot be read, restored or written.
    """
    task = Task(**request.values)
    begun = time.monotonic()
    document = decode_document(request.blobs[0], task.name, limit)
    first = document.frames[0]
    examined = restorer.examine_pixels(first.pixels) if restorer.classes or not task.restore else None
    values: dict[str, Any] = {"verdict": examined and _plain(examined.verdict), "frames": len(document.frames)}
    values["width"], values["height"] = document.size
    blobs: list[bytes] = []
    notes: list[str] = []
    if task.restore:
        restored = _Restored(restorer, document, examined, task.strength)
        made = document.encode(restored, task.format, quality=task.quality, depth=task.depth, metadata=task.metadata)
        values |= {"suffix": made.suffix, "media_type": format_named(made.suffix).media_type}
        blobs.append(made.data)
        if task.previews:
            assert restored.first is not None
            blobs += [_preview(pixels, first.alpha) for pixels in (first.pixels, restored.first)]
        notes = [*restored.notes, *made.notes]
    values["notes"] = list(dict.fromkeys([*document.notes, *notes]))
    values["seconds"] = time.monotonic() - begun
    return Message(values, tuple(blobs))


class _Restored:
    """The restored frames of an image, one at a time, of which the first may have been examined."""

    def __init__(self, restorer: BaseRestorer, document: Document, examined: Examined | None, strength: float) -> None:
        self._restorer, self._document, self._examined, self._strength = restorer, document, examined, strength
        self.notes: list[str] = []
        self.first: Tensor | None = None

    def __iter__(self) -> Iterator[Tensor]:
        for number, frame in enumerate(self._document.frames):
            pixels = self._restore(frame)
            if number == 0:
                self.first = pixels
            yield pixels

    def _restore(self, frame: Frame) -> Tensor:
        if self._strength == 0:
            return frame.pixels  # exactly
        examined, self._examined = self._examined, None
        restored = examined.restore() if examined else self._restorer.restore_pixels(frame.pixels)
        self.notes += restored.notes
        return torch.lerp(frame.pixels, restored.pixels, self._strength)


def _plain(verdict: Verdict) -> dict[str, Any]:
    return {
        "types": dict(verdict.types),
        "clean": verdict.clean,
        "unfamiliar": verdict.unfamiliar,
        "reason": verdict.reason,
    }


def _preview(pixels: Tensor, alpha: Tensor | None) -> bytes:
    # On white, as a page would show it; one picture must not shine through the other.
    image = to_pil(pixels if alpha is None else pixels * alpha + (1 - alpha))
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "WEBP", quality=PREVIEW_QUALITY)
    return data.getvalue()
