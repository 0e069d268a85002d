"""Weights to give away: a folder of half the size, and the proof that it restores the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from maskdcpt.backbones.hub import CARD, locate_weights
from maskdcpt.data import EmbeddedImages, central_crop
from maskdcpt.degradations import CATALOGUE, apply
from maskdcpt.errors import UserError, naming
from maskdcpt.export.model import Model, describe, licence_of, run_model
from maskdcpt.files import atomic_folder, write_bytes
from maskdcpt.inference.description import Description
from maskdcpt.metrics import psnr
from maskdcpt.pretraining import load_model, save_model
from maskdcpt.seeds import derive_seed

ModuleT = TypeVar("ModuleT", bound=nn.Module)

LEAST = 50.0
"""PSNR in dB that the halved network has to reach against the whole one; rounding to eight bits alone makes 59."""

SIDE = 128
"""Side of the middle of a photo that both restore, in pixels."""


@dataclass(frozen=True)
class Half:
    """Weights that were written at half precision."""

    folder: Path
    """Where they are."""
    description: Description
    """What they are."""
    images: int
    """Photos that both restored, clean ones and damaged ones."""
    psnr: float
    """The lowest PSNR of one result against the other in dB, for a peak of 1; infinite if all are equal."""
    named_alike: int | None
    """In how many of them both name the same first; None without a classifier."""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())


def export_half(weights: str | Path, folder: Path) -> Half:
    """Writes a network and its classifier in numbers of 16 bits, with a model card, whole or not at all.

    Whatever reads weights reads them as float32 again. A calibration is not taken along: it belongs to the very
    numbers that it was measured with.

    Args:
        weights: As for ``maskdcpt.Restorer.from_pretrained``.
        folder: The new folder.

    Raises:
        UserError: If weights are missing or damaged, the folder exists, or half precision does harm.
        OSError: If a file cannot be written.
    """
    if folder.exists():
        raise UserError(f"{folder}: exists already, and weights at half precision need a new folder")
    place = locate_weights(weights)
    whole = load_model(place)
    licence = licence_of(place)
    card = whole[0].generate_model_card(license=licence)
    with atomic_folder(folder) as temporary, naming(weights):
        backbone, classifier = load_model(place)
        save_model(temporary, _halved(backbone), None if classifier is None else _halved(classifier))
        write_bytes(temporary / CARD, str(card).encode())
        half = load_model(temporary)
        found = list(_compare(whole, half))
        worst = min(value for value, _ in found)
        if not worst >= LEAST:  # no number is refused as well
            raise UserError(
                f"at half precision it restores otherwise: {worst:.1f} dB PSNR against the whole numbers' result where "
                f"{LEAST:.0f} are needed; nothing was written"
            )
    alike = None if classifier is None else sum(same for _, same in found)
    return Half(folder, describe(*half, licence), len(found), worst, alike)


def _halved(module: ModuleT) -> ModuleT:
    # What is no parameter is little, and may be all that centres numbers which differ in their last digits.
    for name, values in module.named_parameters():
        values.data = values.data.half()
        if not values.isfinite().all():
            raise UserError(f"{name} has values beyond 65504, which half precision does not reach; nothing was written")
    return module


def _compare(whole: Model, half: Model) -> Iterator[tuple[float, bool]]:
    """PSNR of one result against the other, and whether both name the same first, for each picture."""
    for picture in _pictures():
        (first, *names), (second, *others) = (run_model(*model, picture[None]) for model in (whole, half))
        value = psnr(second[0].clamp(0, 1), first[0].clamp(0, 1)).item()
        alike = all(torch.equal(a.argmax(1), b.argmax(1)) for a, b in zip(names, others, strict=True))
        yield (math.inf if torch.equal(first, second) else value), alike


def _pictures() -> Iterator[Tensor]:
    """Sample photos as they are, and with damage of every type."""
    photos = EmbeddedImages("test", generated=0)
    for index, name in enumerate(photos.names):
        clean = central_crop(photos[index], SIDE)
        yield clean
        for entry in CATALOGUE:
            yield apply(clean, entry.middle, seed=derive_seed("half precision", name, entry.name))
