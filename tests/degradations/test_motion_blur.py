import numpy as np
import pytest
import torch
from scipy import ndimage

from maskdcpt.degradations import CATALOGUE, MotionBlur, apply
from maskdcpt.degradations.filters import convolve
from maskdcpt.degradations.motion_blur import shake_kernel, shake_path
from maskdcpt.degradations.raster import splat
from maskdcpt.degradations.transfer import to_encoded, to_linear

LENGTHS = [1, 2.5, *(lv.length for lv in CATALOGUE["motion_blur"].levels if isinstance(lv, MotionBlur)), 201]


@pytest.mark.parametrize("length", LENGTHS)
def test_kernels_are_averages_about_the_middle(length):
    for seed in range(20):
        kernel = shake_kernel(length, np.random.default_rng(seed))
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-12)
        axis = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
        assert (kernel.sum(axis=0) * axis).sum() == pytest.approx(0, abs=1e-9)
        assert (kernel.sum(axis=1) * axis).sum() == pytest.approx(0, abs=1e-9)


def test_a_longer_path_spreads_the_light_further_but_never_beyond_its_length():
    spreads = []
    for length in (5, 9, 17, 33):
        kernels = [shake_kernel(length, np.random.default_rng(seed)) for seed in range(40)]
        for kernel in kernels:
            rows, columns = np.nonzero(kernel)
            assert np.hypot(np.ptp(rows), np.ptp(columns)) <= length + 2 * np.sqrt(2)
        spreads.append(np.mean([np.sqrt(variance(kernel)) for kernel in kernels]))
    assert np.all(np.diff(spreads) > 0)
    # A straight even line of this length would have a deviation of length / sqrt(12).
    assert 0.4 < spreads[-1] / (33 / np.sqrt(12)) < 1


@pytest.mark.parametrize("length", LENGTHS)
def test_paths_have_the_length_asked_for_along_the_curve(length):
    for seed in range(10):
        path = shake_path(length, np.random.default_rng(seed))
        steps = np.abs(np.diff(path))
        # The camera stands at the first point at the end of its first step.
        assert steps.sum() == pytest.approx(length, abs=2 * steps.max())
        assert steps.max() < 1
        assert path.mean() == pytest.approx(0, abs=1e-9)


def variance(kernel):
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]] - kernel.shape[0] // 2
    return (kernel * (x**2 + y**2)).sum()


def test_paths_are_curves_of_changing_direction():
    def extents(kernel):
        y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]] - kernel.shape[0] // 2
        xx, yy, xy = ((kernel * p).sum() for p in (x * x, y * y, x * y))
        return np.sqrt(np.linalg.eigvalsh([[xx, xy], [xy, yy]])), np.arctan2(2 * xy, xx - yy) / 2

    results = [extents(shake_kernel(33, np.random.default_rng(seed))) for seed in range(60)]
    assert np.mean([minor / major for (minor, major), _ in results]) > 0.1
    counts, _ = np.histogram([angle for _, angle in results], bins=4, range=(-np.pi / 2, np.pi / 2))
    assert counts.min() > 5


@pytest.mark.parametrize("side", [1, 3, 11, 13, 33])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (2, 5), (40, 31), (64, 64)])
def test_convolution_agrees_with_scipy_in_double_precision(size, side, rng):
    image = rng.random((3, *size))
    kernel = rng.random((side, side))
    kernel /= kernel.sum()
    expected = np.stack([ndimage.convolve(plane, kernel, mode="mirror") for plane in image])
    result = convolve(image.astype(np.float32), kernel.astype(np.float32))
    assert np.abs(result - expected).max() < 1e-5


@pytest.mark.parametrize("value", [0, 1, 64, 128, 254, 255])
def test_a_constant_picture_stays_as_it_is(value):
    image = torch.full((3, 30, 41), value / 255)
    assert torch.equal(apply(image, MotionBlur(33)), image)


def test_light_is_averaged_not_encoded_values():
    stripes = torch.zeros(3, 64, 64)
    stripes[:, :, ::2] = 1
    results = [MotionBlur(33)(stripes, np.random.default_rng(seed))[:, 20:-20, 20:-20] for seed in range(10)]
    # Half the light is 0.735 in sRGB; half of the encoded values would be 0.5.
    assert np.median([float(result.mean()) for result in results]) == pytest.approx(0.735, abs=0.02)


def test_no_light_is_lost():
    point = torch.zeros(3, 81, 81)
    point[:, 40, 40] = 1
    blurred = MotionBlur(21)(point, np.random.default_rng(2))
    assert to_linear(blurred.numpy()).sum(axis=(1, 2)) == pytest.approx(1, abs=1e-3)


def encode(linear):
    """The standard's formula in double precision."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def decode(encoded):
    """The standard's formula in double precision."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def test_encoding_and_decoding_follow_the_standard():
    for values in (np.linspace(0, 1, 300_007), np.geomspace(1e-7, 1, 100_003)):
        assert np.abs(to_linear(values.astype(np.float32)) - decode(values)).max() < 5e-6
        assert np.abs(to_encoded(values.astype(np.float32)) - encode(values)).max() < 5e-6


def test_values_of_8_bit_pictures_are_decoded_to_the_last_bit_and_survive_the_way_back():
    values = np.arange(256) / 255
    light = to_linear(values.astype(np.float32))
    assert np.array_equal(light, decode(values).astype(np.float32))
    assert np.abs(to_encoded(light) - values).max() < 5e-6


def test_light_outside_the_range_is_clipped_and_arguments_are_left_alone():
    values = np.float32([[-1, -1e-9, 0], [1, 1.001, 1e6]])
    for curve in (to_encoded, to_linear):
        kept = values.copy()
        assert curve(kept).tolist() == [[0, 0, 0], [1, 1, 1]]
        assert np.array_equal(kept, values)


def test_splat_shares_a_point_among_four_pixels():
    grid = splat(np.array([1.25]), np.array([2.5]), np.array([8.0]), (4, 5))
    expected = np.zeros((4, 5))
    expected[1, 2:4], expected[2, 2:4] = 3, 1
    assert np.allclose(grid, expected)


def test_splat_drops_what_is_outside_and_keeps_the_rim():
    rows = np.array([-5.0, 0, 3, 3, 9])
    columns = np.array([1.0, 0, 4, -0.5, 2])
    grid = splat(rows, columns, np.ones(5), (4, 5))
    assert grid[0, 0] == pytest.approx(1)
    assert grid[3, 4] == pytest.approx(1)
    assert grid[3, 0] == pytest.approx(0.5)
    assert grid.sum() == pytest.approx(2.5)
