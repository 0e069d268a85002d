"""What the weights that come with the package make of sample photos: the part of the demo that needs no training."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from maskdcpt.classes import CLEAN
from maskdcpt.data import central_crop, sample_photo
from maskdcpt.data.labels import class_title
from maskdcpt.degradations import CATALOGUE, apply
from maskdcpt.images import write_image
from maskdcpt.inference import Restorer
from maskdcpt.metrics import psnr
from maskdcpt.reports import Picture, Strip, picture, write_page
from maskdcpt.seeds import derive_seed

SHOWN = 300
"""Side of the parts of photos that the page shows, in pixels."""

SAMPLES = (
    ("chelsea", "noise"),
    ("coffee", "rain_streak"),
    ("camera", "low_light"),
    ("chelsea", "haze"),
    ("coffee", "jpeg"),
    ("camera", "low_light_blur"),
    ("coffee", CLEAN),
)
"""Photo and what is done to it; one is left as it is, and should be given back so."""


class Sample(NamedTuple):
    """A photo that was damaged, named and restored."""

    title: str
    """What was done to which photo."""
    found: str
    """What the weights name first, and how probable it is to them."""
    psnr: tuple[float, float]
    """Of the damaged and of the restored photo in dB; the first is infinite for one that was left as it is."""
    pictures: list[Picture]
    """Damaged, restored, clean."""


def restore_samples(folder: Path, restorer: Restorer, say: Callable[[str], None]) -> list[Sample]:
    """Damages sample photos, names the damage, restores them and writes both.

    Args:
        folder: Gets ``damaged`` and ``restored``.
        restorer: Weights with a classifier.
        say: Takes a line for each photo.

    Raises:
        UserError: If the weights have no classifier.
        OSError: If a photo cannot be written.
    """
    for kind in ("damaged", "restored"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    samples = []
    for name, damage in SAMPLES:
        clean = sample_photo(name)
        damaged = _damaged(clean, name, damage)
        restored, types = restorer.restore_and_classify(damaged)
        for kind, image in (("damaged", damaged), ("restored", restored)):
            write_image(image, folder / kind / f"{name}-{damage}.png")
        first, probability = next(iter(types.items()))
        before, after = (psnr(image, clean).item() for image in (damaged, restored))
        title, found = f"{class_title(damage)}: {name}", f"{class_title(first)} ({probability:.0%})"
        say(f"  {title}: named {found}; {f'{before:.1f} dB, ' if isfinite(before) else ''}restored {after:.1f} dB")
        first_title = f"damaged, {before:.1f} dB" if isfinite(before) else "as it is"
        shown = {first_title: damaged, f"restored, {after:.1f} dB": restored, "clean": clean}
        pictures = [picture(caption, central_crop(image, SHOWN)) for caption, image in shown.items()]
        samples.append(Sample(title, found, (before, after), pictures))
    return samples


def write_samples_page(samples: list[Sample], path: Path) -> Path:
    """Writes the page that can be looked at while the rest of the demo trains.

    Args:
        samples: What was restored.
        path: The HTML file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_page(path, "demo-samples.html", samples=sample_strips(samples))


def sample_strips(samples: list[Sample]) -> list[Strip]:
    """Samples as the page shows them."""
    return [Strip(f"{sample.title}; named {sample.found}", sample.pictures) for sample in samples]


def _damaged(clean: Tensor, name: str, damage: str) -> Tensor:
    if damage == CLEAN:
        return clean
    levels = CATALOGUE[damage].levels
    return apply(clean, levels[len(levels) * 2 // 3], seed=derive_seed("demo samples", name, damage))
