import os
import subprocess
import sys
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from maskdcpt.data.procedural import procedural_image
from maskdcpt.errors import UserError


@pytest.fixture(scope="module")
def pictures():
    return torch.stack([procedural_image(seed) for seed in range(24)])


def test_the_same_seed_gives_the_same_bytes(pictures):
    np.random.seed(0)  # noqa: NPY002  (global state must not matter)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    assert torch.equal(procedural_image(5), pictures[5])
    assert np.array_equal(np.random.get_state()[1], before[0])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


def test_an_old_processor_makes_the_same(pictures, old_instructions, tmp_path):
    script = (
        "import sys, torch\n"
        "from maskdcpt.data.procedural import procedural_image\n"
        "torch.save(torch.stack([procedural_image(seed) for seed in range(24)]), sys.argv[1])\n"
    )
    made = tmp_path / "pictures.pt"
    subprocess.run([sys.executable, "-c", script, str(made)], env={**os.environ, **old_instructions}, check=True)
    assert torch.equal(torch.load(made), pictures)


def test_different_seeds_give_different_scenes(pictures):
    flat = torch.nn.functional.avg_pool2d(pictures.mean(1, keepdim=True), 32).flatten(1)
    similarity = torch.corrcoef(flat) - torch.eye(len(flat))
    assert similarity.abs().max() < 0.9
    assert similarity.abs().mean() < 0.4


def test_form(pictures):
    assert pictures.shape == (24, 3, 256, 256)
    assert pictures.dtype == torch.float32
    assert torch.equal(pictures, pictures.mul(255).round().byte().float() / 255)


def test_tones_differ_as_those_of_photographs(pictures):
    # Tenth, fifth and ninth decile over 69 photographs: darkest half per cent 0.00, 0.03, 0.14;
    # brightest 0.75, 0.98, 1.00; mean 0.26, 0.44, 0.54; deviation 0.16, 0.22, 0.29.
    black, white = pictures.flatten(1).quantile(torch.tensor([0.005, 0.995]), dim=1)
    mean, deviation = pictures.flatten(1).mean(1), pictures.flatten(1).std(1)
    assert black.median() < 0.1
    assert 0.08 < black.quantile(0.9) < 0.25
    assert white.median() > 0.9
    assert 0.7 < white.quantile(0.1) < 0.92
    assert 0.35 < mean.median() < 0.5
    assert mean.quantile(0.9) - mean.quantile(0.1) > 0.12
    assert 0.15 < deviation.median() < 0.25
    assert deviation.min() > 0.05


def test_colours_are_those_of_photographs(pictures):
    # Kodak's 24 pictures have a mean spread between the channels of 0.14.
    spread = (pictures.amax(1) - pictures.amin(1)).mean(dim=(1, 2))
    assert spread.min() > 0.03
    assert 0.1 < spread.mean() < 0.22


def test_every_picture_has_colours_of_its_own(pictures):
    tint = pictures.mean(dim=(2, 3))
    tint = torch.nn.functional.normalize(tint - tint.mean(1, keepdim=True))
    # The mean cosine of two tints would be 1 if all were the same.
    assert (tint @ tint.T).mean() < 0.3


def spectral_slope(picture):
    grey = picture.mean(0).double().numpy()
    grey = (grey - grey.mean()) * np.outer(np.hanning(256), np.hanning(256))
    power = np.abs(np.fft.fft2(grey)) ** 2
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    edges = np.geomspace(4 / 256, 0.4, 16)
    means = [power[(frequency >= low) & (frequency < high)].mean() for low, high in pairwise(edges)]
    return np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(means), 1)[0]


def test_the_power_spectrum_falls_as_that_of_photographs(pictures):
    slopes = [spectral_slope(picture) for picture in pictures]
    assert -2.7 < np.mean(slopes) < -1.5
    assert min(slopes) > -3.5


def test_there_are_edges_and_smooth_regions(pictures):
    gradient = pictures.mean(1).diff(dim=2)
    for picture in gradient:
        normal = (picture - picture.mean()) / picture.std()
        # Gradients of photographs are far from Gaussian, whose kurtosis is 3.
        assert (normal**4).mean() > 5
    assert (gradient.abs() < 0.02).float().mean() > 0.4
    assert (gradient.abs() > 0.1).float().mean() > 0.02


@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(-(2**63), 2**64 - 1))
def test_any_size(height, width, seed):
    picture = procedural_image(seed, (height, width))
    assert picture.shape == (3, height, width)
    assert picture.dtype == torch.float32
    assert picture.is_contiguous()
    assert 0 <= picture.min() <= picture.max() <= 1


@pytest.mark.parametrize("size", [(1, 3000), (3000, 2), (300, 700)])
def test_wide_and_tall(size):
    picture = procedural_image(0, size)
    assert picture.shape == (3, *size)
    assert picture.std() > 0.05


@pytest.mark.parametrize("size", [(0, 5), (5, -1)])
def test_no_size_is_refused(size):
    with pytest.raises(UserError, match="at least 1 x 1 pixels, not"):
        procedural_image(0, size)
