"""PSNR, SSIM and NRMSE against their formulas and an independent implementation."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from maskdcpt.errors import UserError
from maskdcpt.metrics import nrmse, psnr, ssim
from maskdcpt.metrics.fidelity import STRIP, WINDOW

METRICS = (psnr, ssim, nrmse)


def pair(seed, height=24, width=31, noise=0.1):
    """A smooth reference and a noisy version of it, (3, H, W) in [0, 1]."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    phases = generator.uniform(0, 6, (3, 2, 1, 1))
    reference = 0.5 + 0.25 * (np.sin(rows / 4 + phases[:, 0]) + np.cos(columns / 5 + phases[:, 1]))
    restored = (reference + generator.normal(0, noise, reference.shape)).clip(0, 1)
    return torch.from_numpy(restored).float(), torch.from_numpy(reference).float()


def skimage_ssim(x, y):
    """Mean over channels and over the positions where the 11 x 11 window lies inside the image."""
    maps = [
        structural_similarity(
            a.double().numpy(),
            b.double().numpy(),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1]
        for a, b in zip(x, y, strict=True)
    ]
    return np.stack(maps)[:, 5:-5, 5:-5].mean()


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.5))
@settings(max_examples=25, deadline=None)
def test_ssim_agrees_with_scikit_image(seed, noise):
    x, y = pair(seed, noise=noise)
    assert ssim(x, y).item() == pytest.approx(skimage_ssim(x, y), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.5))
@settings(max_examples=25, deadline=None)
def test_psnr_and_nrmse_follow_their_formulas(seed, noise):
    x, y = pair(seed, noise=noise)
    a, b = (image.numpy().astype(np.float64) for image in (x, y))
    error = ((a - b) ** 2).mean()
    assert psnr(x, y).item() == pytest.approx(10 * math.log10(1 / error), abs=1e-12)
    assert nrmse(x, y).item() == pytest.approx(math.sqrt(error) / (a.max() - a.min()), abs=1e-12)


def test_known_values():
    black, grey = torch.zeros(3, 16, 16), torch.full((3, 16, 16), 0.1, dtype=torch.float64)
    assert psnr(grey, black).item() == pytest.approx(20.0, abs=1e-12)
    # Flat images: only the luminance term differs from 1.
    assert ssim(grey, black).item() == pytest.approx(1e-4 / (0.01 + 1e-4), abs=1e-12)
    ramp = torch.linspace(0.25, 0.75, 16, dtype=torch.float64).expand(3, 16, 16)
    assert nrmse(ramp, ramp + 0.05).item() == pytest.approx(0.1, abs=1e-12)


def test_nrmse_takes_the_range_of_the_restored_image():
    x, y = pair(0)
    assert nrmse(x, y * 0.5) != pytest.approx(nrmse(y * 0.5, x).item(), rel=0.1)


def test_identical_images():
    x, _ = pair(0)
    assert psnr(x, x).item() == math.inf
    assert ssim(x, x).item() == 1.0
    assert nrmse(x, x).item() == 0.0
    flat = torch.full((3, 16, 16), 0.5)
    assert nrmse(flat, flat).item() == 0.0
    assert nrmse(flat, x[:, :16, :16]).item() == math.inf


@pytest.mark.parametrize("metric", METRICS)
def test_a_batch_gives_what_its_images_give(metric):
    pairs = [pair(seed, noise=0.05 * (seed + 1)) for seed in range(3)]
    x, y = (torch.stack(images) for images in zip(*pairs, strict=True))
    values = metric(x, y)
    assert values.dtype == torch.float64
    assert values.shape == (3,)
    assert values.tolist() == pytest.approx([metric(*each).item() for each in pairs], abs=1e-13)
    assert metric(*pairs[0]).shape == ()
    perfect = metric(torch.stack([x[0], y[1]]), torch.stack([y[0], y[1]]))
    assert perfect[0].item() == pytest.approx(values[0].item(), abs=1e-13)  # one perfect image spoils no other


@pytest.mark.parametrize("metric", METRICS)
def test_channels_count_alike(metric):
    x, y = pair(0)
    assert metric(x.flip(0), y.flip(0)).item() == pytest.approx(metric(x, y).item(), abs=1e-12)


@pytest.mark.parametrize("size", [(10, 40), (40, 10), (1, 1)])
def test_ssim_needs_room_for_its_window(size):
    with pytest.raises(UserError, match=r"SSIM needs images of 11 pixels or more a side, not \d+ x \d+"):
        ssim(torch.rand(3, *size), torch.rand(3, *size))
    assert ssim(torch.rand(3, 11, 11), torch.rand(3, 11, 11)).isfinite()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.rand(3, 16, 16), torch.rand(3, 16, 17), r"\(3, 16, 16\).*\(3, 16, 17\) cannot be compared"),
        (torch.rand(3, 16, 16), torch.rand(1, 3, 16, 16), "cannot be compared"),
        (torch.rand(16, 16), torch.rand(16, 16), r"metrics take RGB images.*not \(16, 16\)"),
        (torch.rand(1, 16, 16), torch.rand(1, 16, 16), "metrics take RGB images"),
        (torch.rand(0, 3, 16, 16), torch.rand(0, 3, 16, 16), "metrics take RGB images"),
        (torch.rand(3, 16, 16).byte(), torch.rand(3, 16, 16), r"restored image has to hold floats in \[0, 1\]"),
        (torch.rand(3, 16, 16), torch.rand(3, 16, 16) / 0, "the reference holds values that are not finite"),
        (torch.full((3, 16, 16), math.nan), torch.rand(3, 16, 16), "the restored image holds values"),
    ],
)
def test_what_cannot_be_compared_is_refused(metric, x, y, message):
    with pytest.raises(UserError, match=message):
        metric(x, y)


@pytest.mark.parametrize("height", [STRIP + WINDOW - 1, STRIP + WINDOW, 3 * STRIP + 5])
def test_ssim_of_tall_images_does_not_show_its_strips(height):
    x, y = pair(height, height=height)
    assert ssim(x, y).item() == pytest.approx(skimage_ssim(x, y), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_values_are_the_same_whatever_the_number_of_threads(metric):
    x, y = pair(3, height=401, width=300)
    before = torch.get_num_threads()
    found = set()
    for count in (1, 2, 3, 5):
        torch.set_num_threads(count)
        found.add((metric(x, y).item(), metric(x, y, bits=8).item(), metric(x, y, luma=True).item()))
    torch.set_num_threads(before)
    assert len(found) == 1
