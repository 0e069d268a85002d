"""Fingerprints: copies are found, other images are not, and the index misses nothing."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskdcpt.data.procedural import procedural_image
from maskdcpt.datasets.fingerprint import RADIUS, Fingerprint, _near, duplicate_groups, fingerprint

FLAT = bytes(256)


def scene(seed, size=(96, 120)):
    return procedural_image(seed, size).mean(0).numpy()


def compressed(image):
    data = io.BytesIO()
    Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(data, "JPEG", quality=30)
    return np.asarray(Image.open(data), np.float32) / 255


COPIES = {
    "the same": lambda image: image,
    "compressed": compressed,
    "half the size": lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "a border less": lambda image: np.ascontiguousarray(image[1:, 1:]),
    "brighter": lambda image: np.clip(image * 1.1, 0, 1).astype(np.float32),
    "noisy": lambda image: np.clip(image + np.random.default_rng(0).normal(0, 0.05, image.shape), 0, 1).astype("f4"),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_copies_are_found_and_other_scenes_are_not(change):
    images = [scene(seed) for seed in range(12)]
    prints = [fingerprint(image) for image in images] + [fingerprint(change(image)) for image in images]
    groups = duplicate_groups(prints)
    assert all(b == a + 12 for a, b in groups), "no two scenes are one"
    assert len(groups) >= 11


def test_turned_images_are_others():
    image = scene(3)
    turned = [np.ascontiguousarray(each) for each in (image[::-1], image[:, ::-1], 1 - image)]
    assert not duplicate_groups([fingerprint(each) for each in (image, *turned)])


def test_flat_images_are_told_apart_by_their_grey():
    greys = [fingerprint(np.full((40, 50), value, np.float32)) for value in (0, 0.2, 0.5, 1, 0.5)]
    assert len({each.hash for each in greys}) == 1
    assert duplicate_groups(greys) == [[2, 4]]
    noise = [np.random.default_rng(seed).normal(0.5, 0.004, (64, 64)).astype(np.float32) for seed in range(30)]
    assert not duplicate_groups([fingerprint(each) for each in noise]), "grey cards with noise are not copies"


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=12, unique=True), st.data())
def test_the_index_finds_all_near_hashes_and_no_others(values, data):
    for value in list(values):
        bits = data.draw(st.lists(st.integers(0, 63), max_size=RADIUS + 3, unique=True))
        values.append(value ^ sum(1 << bit for bit in bits))
    values = list(dict.fromkeys(values))
    expected = {
        frozenset((i, j)) for i in range(len(values)) for j in range(i) if (values[i] ^ values[j]).bit_count() <= RADIUS
    }
    assert {frozenset(pair) for pair in _near(np.array(values, np.uint64))} == expected


def test_near_hashes_need_like_thumbnails():
    other = bytes(range(256))
    prints = [Fingerprint(0, FLAT), Fingerprint(0b111, FLAT), Fingerprint(0b1011, other), Fingerprint(2**64 - 1, FLAT)]
    assert duplicate_groups(prints) == [[0, 1]]
    assert duplicate_groups([]) == []


def test_ten_thousand_images_of_one_grey_take_no_quadratic_time():
    assert duplicate_groups([Fingerprint(0, FLAT)] * 10_000) == [list(range(10_000))]
