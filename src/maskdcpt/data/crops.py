"""From images to degraded training samples, each determined by its number alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from maskdcpt.data.config import DataConfig
from maskdcpt.data.labels import clean_label, make_label
from maskdcpt.data.mix import TrainingData
from maskdcpt.data.order import ShuffledOrder
from maskdcpt.data.pairs import Pair
from maskdcpt.degradations import CATALOGUE, apply
from maskdcpt.errors import UserError
from maskdcpt.seeds import derive_seed

ATTEMPTS = 8
"""Images in a row that may fail to be read for one sample; then it is not the images that are at fault."""


class Fault(NamedTuple):
    """Something that went wrong with the data and was made up for."""

    index: int  # type: ignore[assignment]
    """Number of the sample that it befell."""
    source: str
    """Name of the source; empty where there is only one, or none to blame."""
    image: str
    """Name of the image in it; empty where none is to blame."""
    problem: str
    """What was wrong, naming the file."""


class Batch(NamedTuple):
    """Samples stacked; a single sample has the same fields without the first axis."""

    degraded: Tensor
    """Damaged images (N, 3, crop, crop) in [0, 1]."""
    clean: Tensor
    """The same before the damage."""
    label: Tensor
    """Index of the type of damage in ``DataConfig.classes``, int64 (N,); with ``labels = "multi"`` float32 (N,
    classes), 1 for every one of ``DataConfig.classes`` in the damage and else 0."""
    index: Tensor  # type: ignore[assignment]
    """Numbers of the samples, int64 (N,)."""
    faults: tuple[Fault, ...] = ()
    """What was wrong with the images that these replace."""

    def to(self, device: torch.device, layout: torch.memory_format = torch.channels_last) -> Batch:
        """The same batch on a device, images in a memory layout; the numbers stay where they are."""
        return self._replace(
            degraded=self.degraded.to(device, memory_format=layout),
            clean=self.clean.to(device, memory_format=layout),
            label=self.label.to(device),
        )

    def part(self, start: int, stop: int) -> Batch:
        """Samples ``start`` to ``stop``, without the latter, and their faults."""
        degraded, clean, label, index = (field[start:stop] for field in self[:4])
        numbers = set(index.tolist())
        return Batch(degraded, clean, label, index, tuple(fault for fault in self.faults if fault.index in numbers))


def stack(samples: Sequence[Batch]) -> Batch:
    """Single samples as one batch."""
    degraded, clean, label, index = (torch.stack(fields) for fields in list(zip(*samples, strict=True))[:4])
    return Batch(degraded, clean, label, index, tuple(fault for sample in samples for fault in sample.faults))


class DegradedCrops(Dataset[Batch]):
    """Random crops, flipped and turned, with one random degradation each, or that of their pair.

    Sample ``index`` is a function of (seed, index): it does not matter which process makes it, when, or what was
    made before. That is what lets a run continue with the very next sample after any interruption. With
    ``order = "shuffled"`` it shows position ``index % N`` of epoch ``index // N``, of N images. An image that cannot
    be read is replaced by another draw of the same type, which is a function of (seed, index) too.

    Args:
        data: Images or pairs.
        config: Types of damage and size of the crops.
        seed: Seed of the run.
    """

    def __init__(self, data: TrainingData, config: DataConfig, seed: int) -> None:
        self._data = data
        self._config = config
        self._seed = seed
        self._order = ShuffledOrder(data.epoch, seed) if config.order == "shuffled" else None

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng(derive_seed("sample", self._seed, index))
        drawn = self._data.draw(rng) if self._order is None else self._data.at(self._order[index])
        faults: list[Fault] = []
        while True:
            try:
                pair = self._data.read(drawn)
                break
            except UserError as error:
                source, image, place = self._data.describe(drawn)
                faults.append(Fault(int(index), source, image, str(error)))
                if len(faults) == ATTEMPTS:
                    raise UserError(
                        f"{place}: {ATTEMPTS} images in a row cannot be read, the last is {error}"
                    ) from None
            rng = np.random.default_rng(derive_seed("another sample", self._seed, index, len(faults)))
            drawn = self._data.draw_again(drawn, rng)

        clean, degraded = _same_crop(pair, self._config.crop, rng)
        number = torch.tensor(int(index))
        if self._config.clean and rng.random() < self._config.clean:
            return Batch(clean.clone(), clean, clean_label(self._config), number, tuple(faults))
        label, level = self._data.draw_label(drawn, rng), pair.level
        if degraded is None:
            if level is None:
                level = CATALOGUE[self._config.types[label]].draw(rng)
            degraded = apply(clean, level, seed=derive_seed("degradation", self._seed, index))
        target = make_label(self._config, label, pair.basic, level)
        return Batch(degraded, clean, target, number, tuple(faults))


def _same_crop(pair: Pair, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor | None]:
    if pair.degraded is None:
        return _random_view(_random_crop(pair.clean, side, rng), rng), None
    both = _random_crop(torch.cat((pair.clean, pair.degraded)), side, rng)
    clean, degraded = _random_view(both, rng).chunk(2)
    return clean, degraded


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
