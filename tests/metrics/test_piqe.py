"""PIQE against the paper's equations written as loops, and what must hold whatever the image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate

from maskdcpt.data import sample_photo
from maskdcpt.degradations import GaussianBlur, GaussianNoise, Jpeg, apply
from maskdcpt.errors import UserError
from maskdcpt.metrics import piqe

VALUES = {
    "astronaut": (28.26778, 28.26778),
    "chelsea": (33.63165, 32.07043),
    "coffee": (27.82450, 26.53932),
    "camera": (29.70538, 30.23430),
    "motorcycle_left": (52.85514, 52.64834),
}
"""By the paper and by the port, of 200 x 227 pixels of the sample photos. The package pypiqe 1.2 itself gives 28.26789,
32.07043, 26.53938, 30.23430 and 52.64988 for them."""


def reference(pixels):
    """PIQE of one image, block by block and segment by segment, with scipy's filters."""
    rgb = np.round(pixels.double().numpy() * 255)
    luma = np.round((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000)
    luma = np.pad(luma, [(0, -side % 16) for side in luma.shape], mode="symmetric")
    rows, columns = np.mgrid[-3:4, -3:4]
    window = np.exp(-(rows**2 + columns**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mean = correlate(luma, window, mode="nearest")
    deviation = np.sqrt(np.abs(correlate(luma**2, window, mode="nearest") - mean**2))
    normalised = (luma - mean) / (deviation + 1)
    distortion, active = 0.0, 0
    for top in range(0, luma.shape[0], 16):
        for left in range(0, luma.shape[1], 16):
            block = normalised[top : top + 16, left : left + 16]
            variance = np.var(block, ddof=1)
            if variance <= 0.1:
                continue
            active += 1
            edges = (block[0], block[15], block[:, 0], block[:, 15])
            if any(np.std(edge[start : start + 6], ddof=1) < 0.1 for edge in edges for start in range(11)):
                distortion += 1 - variance
            surround = np.concatenate((block[:, :7], block[:, 9:]), axis=1)
            ratio = np.std(block[:, 7:9], ddof=1) / np.std(surround, ddof=1)
            beta = abs(np.sqrt(variance) - ratio) / max(np.sqrt(variance), ratio)
            if np.sqrt(variance) > 2 * beta:
                distortion += variance
    return 100 * (distortion + 1) / (active + 1)


@pytest.mark.parametrize("name", VALUES)
def test_photos_have_the_values_of_the_equations(name):
    photo = sample_photo(name)[:, :200, :227]
    assert piqe(photo).item() == pytest.approx(reference(photo), abs=1e-9)
    paper, port = VALUES[name]
    assert piqe(photo).item() == pytest.approx(paper, abs=1e-4)
    assert piqe(photo, variant="port").item() == pytest.approx(port, abs=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(16, 50), st.integers(16, 50), st.floats(0.0, 0.4))
@settings(max_examples=15, deadline=None)
def test_any_image_has_the_value_of_the_equations(seed, height, width, noise):
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    smooth = 0.5 + 0.4 * np.sin(rows / generator.uniform(1, 9)) * np.cos(columns / generator.uniform(1, 9))
    image = (smooth + generator.normal(0, 1, (3, height, width)) * noise).clip(0, 1)
    pixels = torch.from_numpy(image)
    assert piqe(pixels).item() == pytest.approx(reference(pixels), abs=1e-9)


def test_distortions_of_each_kind_raise_it():
    photo = sample_photo("coffee")[:, :256, :256]
    clean = piqe(photo).item()
    for level in (GaussianNoise(25), Jpeg(10), GaussianBlur("iso", 2.5, 3)):
        assert piqe(apply(photo, level)).item() > clean + 10, level


def test_it_lies_between_0_and_100_and_is_100_where_nothing_can_be_seen():
    noise = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert ((piqe(noise) > 0) & (piqe(noise) <= 100)).all()
    for value in (0.0, 0.5, 1.0):
        for variant in ("paper", "port"):
            assert piqe(torch.full((3, 20, 40), value), variant=variant).item() == 100


def test_it_sees_the_eight_bit_image_alone():
    photo = sample_photo("chelsea")[:, :128, :128]
    assert piqe(photo.double() + 0.4 / 255 * torch.rand(photo.shape).sub(0.5)).item() == piqe(photo).item()


def test_stretching_is_what_sets_the_port_apart_on_dark_images():
    photo = sample_photo("astronaut")[:, :128, :128]
    stretched = photo / (299 * photo[0] + 587 * photo[1] + 114 * photo[2]).max() * 1000
    dark = (photo * 0.4).mul(255).round().div(255)
    paper, port = (piqe(dark, variant=variant).item() for variant in ("paper", "port"))
    bright = piqe(stretched.clamp(0, 1), variant="port").item()
    assert abs(port - bright) < abs(paper - bright)


@pytest.mark.parametrize("size", [(15, 40), (40, 15), (1, 1)])
def test_it_needs_a_block(size):
    with pytest.raises(UserError, match=r"PIQE needs images of 16 pixels or more a side, not \d+ x \d+"):
        piqe(torch.rand(3, *size))
