"""What a baseline is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskdcpt.images import to_tensor

Pixels: TypeAlias = NDArray[np.float32]
"""RGB as OpenCV takes it: (H, W, 3), contiguous, in [0, 1]."""


@dataclass(frozen=True)
class Baseline:
    """A way to restore images that has learnt nothing, and is told nothing but the image."""

    name: str
    """Identifier in commands and files."""

    title: str
    """Name for people."""

    source: str
    """The paper, and what we chose where it leaves a choice."""

    types: tuple[str, ...]
    """Types of damage that it is meant for, as in ``maskdcpt.degradations.CATALOGUE``."""

    function: Callable[[Pixels], NDArray[Any]]
    """Takes an image that it must not write to and gives one of the same shape, whose values may leave [0, 1]."""

    def restore(self, pixels: Tensor) -> Tensor:
        """Restores an image of any size; the same image always gives the same result.

        Args:
            pixels: (3, H, W) of floats in [0, 1]; left as it is.

        Returns:
            A new float32 image of the same shape in [0, 1], on the device of the image.

        Raises:
            UserError: If the image has another shape or type, is empty, or holds values outside [0, 1] or no numbers.
        """
        image = np.ascontiguousarray(to_tensor(pixels).cpu().permute(1, 2, 0).numpy())
        restored = np.ascontiguousarray(self.function(image).transpose(2, 0, 1), dtype=np.float32)
        return torch.from_numpy(restored).clamp(0, 1).to(pixels.device)


def to_eight_bit(image: Pixels) -> NDArray[np.uint8]:
    """The image in steps of 1/255, for what OpenCV offers for bytes alone."""
    return (image * 255).round().astype(np.uint8)


def from_eight_bit(image: NDArray[Any]) -> Pixels:
    """Back from steps of 1/255."""
    return image.astype(np.float32) / np.float32(255)
