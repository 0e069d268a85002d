"""Rounding, luma and borders, against formulas and scikit-image; and the table of metrics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from maskdcpt.errors import UserError
from maskdcpt.metrics import METRICS, SET_METRICS, nrmse, psnr, ssim

OWN = [metric for metric in METRICS.values() if metric.extra is None]
COMPARING = [metric for metric in OWN if metric.needs_reference]


def pair(seed, height=23, width=30):
    generator = torch.Generator().manual_seed(seed)
    reference = torch.rand(3, height, width, generator=generator)
    return (reference + 0.1 * torch.randn(3, height, width, generator=generator)).clamp(0, 1), reference


def array(image):
    return image.double().permute(1, 2, 0).numpy()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_eight_bit_values_are_those_of_bytes(seed):
    x, y = pair(seed)
    a, b = (np.round(array(image) * 255).astype(np.uint8) for image in (x, y))
    assert psnr(x, y, bits=8).item() == pytest.approx(peak_signal_noise_ratio(b, a), abs=1e-11)
    error = ((a.astype(np.float64) - b) ** 2).mean()
    assert nrmse(x, y, bits=8).item() == pytest.approx(math.sqrt(error) / (int(a.max()) - int(a.min())), abs=1e-12)
    similar = structural_similarity(
        a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim(x, y, bits=8).item() == pytest.approx(similar, abs=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_luma_is_that_of_scikit_image(seed):
    x, y = pair(seed)
    a, b = (rgb2ycbcr(array(image))[..., 0] / 255 for image in (x, y))
    error = ((a - b) ** 2).mean()
    assert psnr(x, y, luma=True).item() == pytest.approx(-10 * math.log10(error), abs=1e-10)
    assert nrmse(x, y, luma=True).item() == pytest.approx(math.sqrt(error) / np.ptp(a), abs=1e-12)
    similar = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)
    assert ssim(x, y, luma=True).item() == pytest.approx(similar, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.booleans(), st.sampled_from([None, 8, 16]))
@settings(max_examples=15, deadline=None)
def test_a_border_is_left_out(seed, border, luma, bits):
    x, y = pair(seed)
    for metric in (psnr, nrmse, ssim):
        cropped = [image[:, border:-border, border:-border] for image in (x, y)]
        whole = metric(x, y, border=border, luma=luma, bits=bits)
        assert whole.equal(metric(*cropped, luma=luma, bits=bits))
    elsewhere = x.clone()
    elsewhere[:, 0], elsewhere[:, :, -1] = 0, 1
    assert psnr(elsewhere, y, border=border).equal(psnr(x, y, border=border))


def test_rounding_clips_as_a_file_does_and_nothing_else_clips():
    y = torch.ones(3, 12, 12)
    assert psnr(y + 0.1, y, bits=8).item() == math.inf
    assert psnr(y + 0.1, y).item() == pytest.approx(20, abs=1e-5)


def test_eight_bit_images_are_the_same_rounded_or_not():
    x, y = (image.mul(255).round().div(255) for image in pair(0))
    for metric in (psnr, ssim, nrmse):
        assert metric(x, y, bits=8).item() == pytest.approx(metric(x, y).item(), abs=1e-6)


def test_luma_of_grey_images_is_219_of_255_of_their_contrast():
    x, y = (image[:1].repeat(3, 1, 1) for image in pair(0))
    gain = 20 * math.log10(255 / 219)
    assert psnr(x, y, luma=True).item() == pytest.approx(psnr(x, y).item() + gain, abs=1e-9)
    assert nrmse(x, y, luma=True).item() == pytest.approx(nrmse(x, y).item(), abs=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"border": -1}, "border is -1; it is 0 or more"),
        ({"border": 8}, "border is 8; .* of an image of 20 x 16 pixels"),
        ({"bits": 0}, "bits is 0; an image has from 1 to 16 bits"),
        ({"bits": 17}, "bits is 17"),
    ],
)
@pytest.mark.parametrize("metric", [psnr, ssim, nrmse])
def test_options_without_sense_are_refused(metric, options, message):
    with pytest.raises(UserError, match=message):
        metric(torch.rand(3, 16, 20), torch.rand(3, 16, 20), **options)


def test_the_table_names_its_metrics():
    assert [*METRICS] == [metric.name for metric in METRICS.values()]
    fidelity = {f"{name}{suffix}" for name in ("psnr", "ssim", "nrmse") for suffix in ("", "_8bit", "_y")}
    assert {metric.name for metric in OWN} == fidelity | {"piqe"}
    assert {"lpips", "niqe", "brisque", "musiq", "maniqa"} == set(METRICS) - {metric.name for metric in OWN}
    assert [*SET_METRICS] == ["fid"]
    for metric in (*METRICS.values(), *SET_METRICS.values()):
        assert metric.title
        assert metric.definition
        assert "\n" not in metric.definition


def test_the_table_computes_what_its_names_say():
    x, y = pair(3)
    for name, function in (("psnr", psnr), ("ssim", ssim), ("nrmse", nrmse)):
        assert METRICS[name].compute(x, y).equal(function(x, y))
        assert METRICS[f"{name}_8bit"].compute(x, y).equal(function(x, y, bits=8))
        assert METRICS[f"{name}_y"].compute(x, y).equal(function(x, y, luma=True))


@pytest.mark.parametrize("metric", OWN, ids=lambda metric: metric.name)
def test_every_metric_judges_batches_identical_and_constant_images(metric):
    pairs = [pair(seed, 40, 33) for seed in range(2)]
    x, y = (torch.stack(images) for images in zip(*pairs, strict=True))
    values = metric.compute(x, y)
    assert values.shape == (2,)
    assert values.dtype == torch.float64
    assert values.tolist() == pytest.approx([metric.compute(*each).item() for each in pairs], abs=1e-12)
    flat = torch.full((3, 16, 16), 0.5)
    perfect = {"psnr": math.inf, "ssim": 1, "nrmse": 0, "piqe": 100}[metric.name.partition("_")[0]]
    assert metric.compute(flat, flat.clone()).item() == pytest.approx(perfect)
    if metric.needs_reference:
        assert metric.compute(x[0], x[0]).item() == pytest.approx(perfect)


@pytest.mark.parametrize("metric", OWN, ids=lambda metric: metric.name)
def test_every_metric_gets_worse_with_noise(metric):
    from maskdcpt.data import sample_photo

    clean = sample_photo("astronaut")[:, :128, :128]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    values = [metric.compute((clean + sigma * noise).clamp(0, 1), clean).item() for sigma in (0.02, 0.1, 0.3)]
    assert values == sorted(values, reverse=metric.higher_is_better)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_every_metric_refuses_what_it_cannot_judge(metric):
    x = torch.rand(3, 16, 16)
    if metric.needs_reference:
        with pytest.raises(UserError, match="compares with a clean image, and there is none"):
            metric.compute(x)
        with pytest.raises(UserError, match="cannot be compared"):
            metric.compute(x, torch.rand(3, 16, 17))
    with pytest.raises(UserError, match="the restored image holds values that are not finite"):
        metric.compute(x / 0, x)
    with pytest.raises(UserError, match=r"metrics take RGB images"):
        metric.compute(x[:1], x[:1])
    with pytest.raises(UserError, match="has to hold floats"):
        metric.compute(x.byte(), x.byte())
