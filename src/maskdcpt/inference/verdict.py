"""What is to be thought of an image before it is restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """What weights say about an image."""

    types: Mapping[str, float]
    """Types of damage that the weights know and their probabilities, best first."""
    clean: bool | None
    """Whether the image looks clean; None where the weights are not calibrated."""
    unfamiliar: bool | None
    """Whether it lies outside what the weights were trained on; None where they are not calibrated."""
    reason: str
    """All of this in one line for people."""
