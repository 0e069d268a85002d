"""What is measured of clean originals."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from maskdcpt.corpus.quality import flat_share, grey, jpeg_quality, sharpness
from maskdcpt.corpus.recipe import Filters
from maskdcpt.data import sample_photo
from maskdcpt.data.samples import TRAIN_PHOTOS

PHOTOS = [photo.name for photo in TRAIN_PHOTOS]


def test_grey_is_the_weighted_sum():
    image = sample_photo("astronaut")[:, :20, :30]
    expected = 255 * (0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]).double().numpy()
    assert grey(image) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("name", PHOTOS)
def test_sharpness_falls_with_blur_and_not_with_contrast(name):
    values = grey(sample_photo(name))
    measured = [sharpness(values), *(sharpness(cv2.GaussianBlur(values, (0, 0), sigma)) for sigma in (1, 1.5, 2, 3))]
    assert measured == sorted(measured, reverse=True)
    assert sharpness(values / 4 + 30) == pytest.approx(measured[0], rel=1e-3)
    assert measured[0] > Filters().sharpness > measured[-1]


def test_sharpness_of_an_edge_is_as_told():
    step = np.zeros((64, 64), np.float32)
    step[:, 32:] = 200
    assert sharpness(step) == pytest.approx(1, abs=0.01)  # both differences are the step itself
    line = np.zeros((64, 64), np.float32)
    line[:, 32] = 200
    assert sharpness(line) == pytest.approx(2, abs=0.01)
    assert sharpness(np.zeros((9, 9), np.float32)) == 0


def test_the_share_of_empty_blocks():
    values = np.full((64, 64), 80, np.float32)
    assert flat_share(values) == 1
    values[:32] += np.random.default_rng(0).normal(0, 9, (32, 64)).astype(np.float32)
    assert flat_share(values) == 0.5
    assert flat_share(values[:10]) == 1


@pytest.mark.parametrize("quality", [20, 30, 40, 50, 60, 75, 80, 90, 95])
def test_the_quality_of_a_jpeg_file_is_read_from_its_table(quality):
    data = io.BytesIO()
    Image.new("RGB", (40, 30), (9, 90, 200)).save(data, "JPEG", quality=quality)
    assert jpeg_quality(data.getvalue()) == pytest.approx(quality, abs=1)
    assert jpeg_quality(data.getvalue()[:400]) in (None, pytest.approx(quality, abs=1))


def test_other_files_have_none():
    data = io.BytesIO()
    Image.new("RGB", (4, 4)).save(data, "PNG")
    assert jpeg_quality(data.getvalue()) is None
    assert jpeg_quality(b"\xff\xd8\xff") is None
    assert jpeg_quality(b"") is None
