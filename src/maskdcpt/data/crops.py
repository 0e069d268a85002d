"""From clean images to degraded training samples, each determined by its number alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from maskdcpt.data.config import DataConfig
from maskdcpt.data.sources import CachedImages, CleanImages
from maskdcpt.degradations import CATALOGUE, apply
from maskdcpt.seeds import derive_seed


class Batch(NamedTuple):
    """Samples stacked; a single sample has the same fields without the first axis."""

    degraded: Tensor
    """Damaged images (N, 3, crop, crop) in [0, 1]."""
    clean: Tensor
    """The same before the damage."""
    label: Tensor
    """Index of the type of damage in ``DataConfig.types``, int64 (N,)."""

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device, images in channels-last layout."""
        layout = torch.channels_last
        return Batch(
            self.degraded.to(device, memory_format=layout),
            self.clean.to(device, memory_format=layout),
            self.label.to(device),
        )


class DegradedCrops(Dataset[Batch]):
    """Random crops, flipped and turned, with one random degradation each.

    Sample ``index`` is a function of (seed, index): it does not matter which process makes it, when, or what was
    made before. That is what lets a run continue with the very next sample after any interruption.

    Args:
        images: Clean images.
        config: Types of damage and size of the crops.
        seed: Seed of the run.
    """

    def __init__(self, images: CleanImages, config: DataConfig, seed: int) -> None:
        self._images = CachedImages(images)
        self._config = config
        self._seed = seed

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng(derive_seed("sample", self._seed, index))
        image = self._images[int(rng.integers(len(self._images.names)))]
        clean = _random_view(_random_crop(image, self._config.crop, rng), rng)
        label = int(rng.integers(len(self._config.types)))
        level = CATALOGUE[self._config.types[label]].draw(rng)
        degraded = apply(clean, level, seed=derive_seed("degradation", self._seed, index))
        return Batch(degraded, clean, torch.tensor(label))


def _random_crop(image: Tensor, side: int, rng: np.random.Generator) -> Tensor:
    bottom, right = (max(0, side - extent) for extent in image.shape[-2:])
    if bottom or right:
        image = F.pad(image[None], (0, right, 0, bottom), mode="replicate")[0]
    top, left = (int(rng.integers(extent - side + 1)) for extent in image.shape[-2:])
    return image[:, top : top + side, left : left + side]


def _random_view(image: Tensor, rng: np.random.Generator) -> Tensor:
    # The eight symmetries of the square, equally likely.
    turned = torch.rot90(image, int(rng.integers(4)), (-2, -1))
    return (turned.flip(-1) if rng.integers(2) else turned).contiguous()
