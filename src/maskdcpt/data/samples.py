"""The sample photos that lie inside the scikit-image package: real pictures without a download."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from torch import Tensor

from maskdcpt.errors import UserError, nearest
from maskdcpt.images import read_image


@dataclass(frozen=True)
class SamplePhoto:
    """One photo and what it may be used for."""

    name: str
    """Identifier: the file name without its ending."""

    file: str
    """Name in the data folder of scikit-image."""

    split: Literal["train", "test"]
    """Training or testing, never both: no scene is in two splits."""

    origin: str
    """Author or collection, and terms, as stated by scikit-image."""


# Of the stereo pair only the left picture is used: the right one shows the same scene.
PHOTOS = (
    SamplePhoto("astronaut", "astronaut.png", "train", "NASA, public domain"),
    SamplePhoto("rocket", "rocket.jpg", "train", "SpaceX, public domain"),
    SamplePhoto("motorcycle_left", "motorcycle_left.png", "train", "Middlebury Stereo 2014, Scharstein et al."),
    SamplePhoto("brick", "brick.png", "train", "CC0Textures, CC0"),
    SamplePhoto("grass", "grass.png", "train", "LinoLafett, CC0"),
    SamplePhoto("gravel", "gravel.png", "train", "CC0Textures, CC0"),
    SamplePhoto("chelsea", "chelsea.png", "test", "Stefan van der Walt, CC0"),
    SamplePhoto("coffee", "coffee.png", "test", "Rachel Michetti, CC0"),
    SamplePhoto("camera", "camera.png", "test", "Lav Varshney, CC0"),
)
TRAIN_PHOTOS = tuple(photo for photo in PHOTOS if photo.split == "train")
TEST_PHOTOS = tuple(photo for photo in PHOTOS if photo.split == "test")


def sample_photo(name: str) -> Tensor:
    """Reads one of ``PHOTOS`` from the installed scikit-image package.

    Returns:
        (3, H, W) float32 in [0, 1]; a grey photo has three equal channels.

    Raises:
        UserError: If the name is unknown, or the installed scikit-image does not hold the file.
    """
    files = {photo.name: photo.file for photo in PHOTOS}
    if name not in files:
        raise UserError(f"unknown sample photo {name!r}{nearest(name, files)}")
    path = _data_folder() / files[name]
    if not path.is_file():
        raise UserError(f"sample photo {name!r} is not in {path.parent}; scikit-image 0.25 or newer holds it")
    return read_image(path).pixels


def _data_folder() -> Path:
    # Found without importing scikit-image, whose data module would offer to download what is missing.
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("sample photos need the package scikit-image, which is not installed")
    return Path(spec.submodule_search_locations[0]) / "data"
