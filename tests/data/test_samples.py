import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from maskdcpt.data import samples
from maskdcpt.data.samples import PHOTOS, TEST_PHOTOS, TRAIN_PHOTOS, sample_photo
from maskdcpt.errors import UserError


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda photo: photo.name)
def test_photos_are_read_as_they_are_without_a_network(photo, monkeypatch):
    def refuse(*_):
        raise AssertionError("a photo was looked for in the network")

    monkeypatch.setattr(socket, "socket", refuse)
    pixels = sample_photo(photo.name)
    with Image.open(Path(find_spec("skimage").origin).parent / "data" / photo.file) as file:
        expected = np.array(file.convert("RGB"))
    assert pixels.dtype == torch.float32
    assert pixels.is_contiguous()
    assert min(pixels.shape[1:]) >= 300
    assert np.array_equal(pixels.mul(255).round().byte().permute(1, 2, 0).numpy(), expected)
    assert pixels.max() <= 1


def test_splits_share_no_scene():
    assert {photo.name for photo in TRAIN_PHOTOS} == {
        "astronaut",
        "rocket",
        "motorcycle_left",
        "brick",
        "grass",
        "gravel",
    }
    assert {photo.name for photo in TEST_PHOTOS} == {"chelsea", "coffee", "camera"}
    assert set(PHOTOS) == {*TRAIN_PHOTOS, *TEST_PHOTOS}
    assert len({photo.name for photo in PHOTOS}) == len({photo.file for photo in PHOTOS}) == len(PHOTOS)
    # Left and right of a stereo pair are one scene.
    assert sum("motorcycle" in photo.file for photo in PHOTOS) == 1


def test_scikit_image_itself_is_not_imported():
    check = "import sys; from maskdcpt.data.samples import sample_photo; sample_photo('coffee')"
    check += "; sys.exit(any(name.split('.')[0] in ('skimage', 'pooch') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="unknown sample photo 'coffe'; did you mean 'coffee'"):
        sample_photo("coffe")


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(samples, "_data_folder", lambda: tmp_path)
    with pytest.raises(UserError, match=r"'coffee' is not in .*; scikit-image 0.25 or newer"):
        sample_photo("coffee")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(samples, "find_spec", lambda _: None)
    with pytest.raises(UserError, match="need the package scikit-image"):
        sample_photo("coffee")
