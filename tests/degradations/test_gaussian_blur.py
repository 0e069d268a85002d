import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.special import j1

from maskdcpt.degradations import CATALOGUE, GaussianBlur, SincBlur, apply
from maskdcpt.degradations.gaussian_blur import BETAS, FAMILIES, SIZES
from maskdcpt.degradations.kernels import elliptic_distance, generalised_gaussian, plateau, sinc
from maskdcpt.errors import UserError

ONE_OF_EACH = [*(GaussianBlur(family, 0.4, 2.5) for family in FAMILIES), SincBlur(0.7, 3)]
each_level = pytest.mark.parametrize("level", ONE_OF_EACH, ids=[*FAMILIES, "sinc"])


def drawn(level, seed):
    """The kernel that a level draws: what it makes of a point, (41, 41) float64."""
    point = np.zeros((3, 41, 41), np.float32)
    point[:, 20, 20] = 1
    return level.degrade(point, np.random.default_rng(seed))[0].astype(np.float64)


@pytest.mark.parametrize("size", [7, 21])
@pytest.mark.parametrize(("first", "second", "angle"), [(1, 1, 0), (0.3, 2, 0.4), (3, 0.8, -2), (2.5, 2.4, 3)])
def test_kernels_are_their_formulas(size, first, second, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    inverse = np.linalg.inv(turn @ np.diag([first**2, second**2]) @ turn.T)
    y, x = np.mgrid[:size, :size] - size // 2
    places = np.stack([x, y], axis=-1).astype(float)
    q = np.einsum("yxi,ij,yxj->yx", places, inverse, places)
    found = elliptic_distance(size, (first, second), angle)
    assert np.allclose(found, q, rtol=1e-9, atol=1e-9)
    for beta in (0.5, 1, 2, 4):
        for kernel, formula in (
            (generalised_gaussian(found, beta), np.exp(-0.5 * q**beta)),
            (plateau(found, beta), 1 / (1 + q**beta)),
        ):
            assert np.allclose(kernel, formula / formula.sum(), atol=1e-12)
            assert kernel.sum() == pytest.approx(1)
            assert np.allclose(kernel, kernel[::-1, ::-1])


@pytest.mark.parametrize("size", [7, 13, 21])
@pytest.mark.parametrize("cutoff", [0.3, np.pi / 5, 2, np.pi])
def test_sinc_is_its_formula(size, cutoff):
    y, x = np.mgrid[:size, :size] - size // 2
    radius = np.hypot(x, y) + 1e-9
    expected = cutoff * j1(cutoff * radius) / (2 * np.pi * radius)
    assert np.abs(sinc(size, cutoff) - expected / expected.sum()).max() < 1e-6


def test_sinc_passes_what_is_coarse_and_stops_what_is_fine():
    kernel = sinc(101, 1.5)
    axis = np.arange(101) - 50
    for frequency, gain in ((0.5, 1), (1.2, 1), (1.8, 0), (2.8, 0)):
        for direction in (0, 0.5):
            along = np.cos(direction) * axis + np.sin(direction) * axis[:, None]
            assert (kernel * np.cos(frequency * along)).sum() == pytest.approx(gain, abs=0.06)


@each_level
def test_kernels_are_averages_of_any_odd_size_from_7_to_21(level):
    sides = set()
    for seed in range(80):
        kernel = drawn(level, seed)
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
        if "aniso" not in str(level):
            assert np.allclose(kernel, kernel.T, atol=1e-6)
        rows, columns = np.nonzero(np.abs(kernel) > 1e-7)
        sides.add(2 * max(np.abs(rows - 20).max(), np.abs(columns - 20).max()) + 1)
    assert sides <= set(range(1, 22, 2))
    if "plateau" in str(level):  # whose tails reach the rim of any size
        assert sides == set(SIZES)


def shape_matrix(kernel):
    """S of a Gaussian kernel, from the weights around its middle."""
    a, b, diagonal = (-2 * np.log(kernel[20 + dy, 20 + dx] / kernel[20, 20]) for dy, dx in ((0, 1), (1, 0), (1, 1)))
    cross = (diagonal - a - b) / 2
    return np.linalg.inv([[a, cross], [cross, b]])


@pytest.mark.parametrize("family", ["iso", "aniso"])
def test_deviations_and_angle_are_drawn_evenly(family):
    matrices = [shape_matrix(drawn(GaussianBlur(family, 0.9, 2.1), seed)) for seed in range(300)]
    axes = np.sqrt([np.linalg.eigvalsh(matrix) for matrix in matrices])
    assert axes.min() > 0.89
    assert axes.max() < 2.11
    assert axes.mean() == pytest.approx(1.5, abs=0.06)
    assert axes.std() == pytest.approx(1.2 / np.sqrt(12), abs=0.04)
    if family == "iso":
        assert np.allclose(axes[:, 0], axes[:, 1], atol=1e-3)
    else:
        angles = [np.arctan2(2 * matrix[0, 1], matrix[0, 0] - matrix[1, 1]) for matrix in matrices]
        assert np.histogram(angles, bins=4, range=(-np.pi, np.pi))[0].min() > 45


@pytest.mark.parametrize("family", ["generalised_iso", "plateau_iso"])
def test_half_of_the_exponents_are_below_1_and_half_above(family):
    def exponent(kernel):
        near, far = kernel[20, 20] / kernel[20, 21], kernel[20, 20] / kernel[20, 22]
        powers = (near - 1, far - 1) if family == "plateau_iso" else (2 * np.log(near), 2 * np.log(far))
        return np.log(powers[1] / powers[0]) / np.log(4)

    betas = np.array([exponent(drawn(GaussianBlur(family, 1.5, 2), seed)) for seed in range(200)])
    low, high = BETAS[family.split("_")[0]]
    assert low - 0.02 < betas.min()
    assert betas.max() < high + 0.02
    if family == "generalised_iso":
        assert 0.4 < np.mean(betas < 1) < 0.6
        assert betas.min() < 0.55
    else:  # for a plateau all of the lower half is at 1
        assert 0.4 < np.mean(betas < 1.01) < 0.65
    assert betas.max() > high - 0.2


@each_level
@pytest.mark.parametrize("size", [(1, 6), (5, 9), (40, 33)])
def test_encoded_values_are_averaged_over_a_mirrored_border(level, size, rng):
    image = rng.random((3, *size))
    for seed in range(6):
        kernel = drawn(level, seed)
        expected = [ndimage.convolve(plane, kernel, mode="mirror") for plane in image]
        result = level.degrade(image.astype(np.float32), np.random.default_rng(seed))
        assert np.abs(result - expected).max() < 2e-5


@each_level
@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_a_constant_picture_stays_as_it_is(level, value):
    image = torch.full((3, 20, 31), value / 255)
    assert torch.equal(apply(image, level), image)


def test_a_kernel_much_narrower_than_a_pixel_changes_nothing(photos):
    for family in ("iso", "aniso"):
        result = GaussianBlur(family, 0.05, 0.05)(photos[0], np.random.default_rng(0))
        assert torch.allclose(result, photos[0], atol=1e-5)


def test_sinc_leaves_rings_beside_edges_and_gaussians_do_not():
    edge = np.full((3, 64, 64), 0.3, np.float32)
    edge[:, :, 32:] = 0.7
    for seed in range(5):
        rings = SincBlur(0.8, 1.2).degrade(edge, np.random.default_rng(seed))
        smooth = GaussianBlur("iso", 2, 3).degrade(edge, np.random.default_rng(seed))
        assert rings.max() > 0.71
        assert smooth.max() <= 0.7001


def test_small_kernels_are_not_drawn_for_low_cut_offs():
    def side(seed):
        rows, _ = np.nonzero(np.abs(drawn(SincBlur(0.7, 1), seed)) > 1e-7)
        return np.ptp(rows) + 1

    assert {side(seed) for seed in range(40)} == {13, 15, 17, 19, 21}


def test_levels_cover_the_published_range_without_gaps():
    for family in FAMILIES:
        bins = [lv for lv in CATALOGUE["gaussian_blur"].levels if getattr(lv, "family", None) == family]
        assert [lv.low for lv in bins][1:] == [lv.high for lv in bins][:-1]
        assert (bins[0].low, bins[-1].high) == (0.2, 3)
        assert np.allclose([lv.high - lv.low for lv in bins], 2.8 / 6, atol=0.01)
    bins = [lv for lv in CATALOGUE["gaussian_blur"].levels if isinstance(lv, SincBlur)]
    assert [lv.high for lv in bins][1:] == [lv.low for lv in bins][:-1]
    assert (bins[0].high, bins[-1].low) == (pytest.approx(np.pi), pytest.approx(np.pi / 5))


@pytest.mark.parametrize("make", [lambda: GaussianBlur("iso", 2, 1), lambda: SincBlur(2, 1)])
def test_an_interval_in_the_wrong_order_is_refused(make):
    with pytest.raises(UserError, match="low is 2, but must not exceed high, which is 1"):
        make()
