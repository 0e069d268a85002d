"""How many pixels are decoded before a file counts as an attack on memory."""

from __future__ import annotations

import os

from PIL import Image

from maskdcpt.errors import UserError

VARIABLE = "MASKDCPT_MAX_PIXELS"
"""The environment variable that raises or lowers the limit."""

DEFAULT_LIMIT = 178_956_970
"""Pixels of all frames of a file together: where Pillow draws its line for one."""


class TooManyPixels(UserError):  # noqa: N818  it is what the file has
    """A file has more pixels than the limit."""


def pixel_limit(limit: int | None = None) -> int:
    """The number of pixels that a file may have in all frames together.

    Args:
        limit: What is asked for; None for what the environment says, or the default.

    Raises:
        UserError: If it is no positive number.
    """
    text = os.environ.get(VARIABLE, str(DEFAULT_LIMIT)) if limit is None else str(limit)
    if not text.isascii() or not text.isdigit() or not int(text):
        raise UserError(f"{VARIABLE if limit is None else 'limit'} is {text!r}; it is a positive number of pixels")
    allowed = int(text)
    # Pillow refuses at twice its own limit, which holds for the process. Whoever asks for more has to lift it.
    if Image.MAX_IMAGE_PIXELS is not None and allowed > 2 * Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = (allowed + 1) // 2
    return allowed


def require_pixels(width: int, height: int, frames: int, limit: int) -> None:
    """Refuses a file whose frames are too large or too many to be decoded safely.

    Args:
        width: Of a frame, in pixels.
        height: Likewise.
        frames: How many there are.
        limit: Pixels that all may have together.

    Raises:
        TooManyPixels: If there are more.
    """
    if width * height * frames > limit:
        size = f"{width} x {height}" + (f" x {frames} frames" if frames > 1 else "")
        raise too_many_pixels(size, limit)


def too_many_pixels(size: str, limit: int) -> TooManyPixels:
    """The refusal of a file that has more pixels than the limit."""
    return TooManyPixels(
        f"too many pixels to be decoded safely ({size}); {limit:,} are the limit, which {VARIABLE}=NUMBER raises"
    )
