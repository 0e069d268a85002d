"""What people can choose about how images are restored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeAlias

from maskdcpt.config import configuration, to_dict
from maskdcpt.errors import UserError, require

Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
SMALLEST_TILE = 64
"""Pixels."""


@configuration
class RestoreOptions:
    """How images are restored; the defaults suit every machine."""

    tile: int = 0
    """Side of tiles in pixels, 64 or more; 0 takes the whole image where memory suffices, else tiles that fit."""
    memory: int = 0
    """Bytes that restoring an image may take on the device; 0 for most of what is free when it begins."""
    precision: Precision = "auto"
    """Number format of the network's arithmetic. ``auto`` is bfloat16 where the device multiplies it faster than
    float32, which a CPU does only with instructions of its own for it."""
    self_ensemble: bool = False
    """Whether to average over the 8 symmetries of the square, which takes 8 times as long."""
    strength: float = 1.0
    """How much of the change to keep, from 0 (the image as it is) to 1 (restored)."""
    compile: bool = False
    """Whether to compile the network for images that are restored whole; the first of each size takes long."""

    def __post_init__(self) -> None:
        if self.tile and self.tile < SMALLEST_TILE:
            raise UserError(f"tile is {self.tile}, but must be 0 (automatic) or {SMALLEST_TILE} pixels or more")
        if self.memory < 0:
            raise UserError(f"memory is {self.memory}, but must be 0 (automatic) or a number of bytes")
        require("strength", self.strength, 0, 1)

    def as_dict(self) -> dict[str, Any]:
        """What a result is asked to be, as plain values.

        ``memory`` and ``compile`` stand there as if they had not been chosen: people change them to get done at all, or
        sooner. ``tile`` is kept, since tiles of some networks know nothing of one another.
        """
        return to_dict(replace(self, memory=0, compile=False))
