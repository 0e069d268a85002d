import numpy as np
import pytest
import torch

from maskdcpt.degradations import Mosaic, apply
from maskdcpt.degradations.mosaic import PHASES, bayer_mosaic, demosaic

METHODS = ("edge_aware", "bilinear")
each_phase = pytest.mark.parametrize("phase", PHASES)
each_method = pytest.mark.parametrize("method", METHODS)


def colour_of(phase, row, column):
    """The channel that the filter at a site passes, by the name of the pattern."""
    return "rgb".index(phase[2 * (row % 2) + column % 2])


@each_phase
def test_the_sensor_keeps_one_colour_of_each_pixel(phase, rng):
    picture = rng.random((3, 7, 6))
    plane = bayer_mosaic(picture, phase)
    for row in range(7):
        for column in range(6):
            assert plane[row, column] == picture[colour_of(phase, row, column), row, column]


@each_method
@each_phase
@pytest.mark.parametrize("size", [(32, 40), (33, 35), (4, 3), (2, 2), (2, 5)])
def test_what_a_site_saw_is_kept(method, phase, size, rng):
    picture = torch.from_numpy(rng.integers(0, 256, (3, *size))).float() / 255
    result = apply(picture, Mosaic(phase, method))
    for row in range(size[0]):
        for column in range(size[1]):
            channel = colour_of(phase, row, column)
            assert result[channel, row, column] == picture[channel, row, column]


@each_method
@each_phase
@pytest.mark.parametrize("size", [(24, 24), (5, 7), (2, 2), (1, 9), (9, 1), (1, 1)])
def test_one_colour_stays_that_colour(method, phase, size):
    for colour in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.8, 0.4, 0.2)):
        picture = torch.tensor(colour).reshape(3, 1, 1).expand(3, *size).contiguous()
        assert torch.equal(apply(picture, Mosaic(phase, method)), picture.mul(255).round().div(255))


@each_phase
def test_bilinear_is_the_mean_of_the_neighbours_up_to_the_border(phase, rng):
    plane = rng.integers(0, 256, (20, 23)).astype(np.uint8)
    mirrored = np.pad(plane.astype(np.float64), 1, mode="reflect")
    around = [[mirrored[1 + y : 21 + y, 1 + x : 24 + x] for x in (-1, 0, 1)] for y in (-1, 0, 1)]
    cross = (around[0][1] + around[2][1] + around[1][0] + around[1][2]) / 4
    result = demosaic(plane, phase, "bilinear")
    for row in range(20):
        for column in range(23):
            own = colour_of(phase, row, column)
            if own != 1:  # red and blue sites
                assert abs(result[1][row, column] - cross[row, column]) <= 0.5
                diagonal = np.mean([around[y][x][row, column] for y in (0, 2) for x in (0, 2)])
                assert abs(result[2 - own][row, column] - diagonal) <= 0.5
            else:
                beside = colour_of(phase, row, column + 1)
                assert abs(result[beside][row, column] - (around[1][0] + around[1][2])[row, column] / 2) <= 0.5
                assert abs(result[2 - beside][row, column] - (around[0][1] + around[2][1])[row, column] / 2) <= 0.5


@each_phase
def test_edge_aware_follows_an_edge_that_bilinear_blurs(phase):
    picture = torch.zeros(3, 30, 30)
    picture[:, :, 15:] = 1
    errors = [float((apply(picture, Mosaic(phase, method))[1] - picture[1]).abs().sum()) for method in METHODS]
    assert errors[0] < 0.1 * errors[1]


def test_phases_are_shifts_of_one_pattern(photos):
    """A picture that begins a pixel later meets the pattern a pixel later."""
    photo = photos[0]
    whole = apply(photo, Mosaic("rggb", "edge_aware"))
    for phase, (row, column) in {"grbg": (0, 1), "gbrg": (1, 0), "bggr": (1, 1)}.items():
        part = apply(photo[:, row:, column:].contiguous(), Mosaic(phase, "edge_aware"))
        assert torch.equal(part[:, 4:-4, 4:-4], whole[:, row:, column:][:, 4:-4, 4:-4])


def test_sixteen_bits_are_demosaiced_alike(rng):
    plane = rng.integers(0, 256, (16, 18)).astype(np.uint8)
    for method in METHODS:
        for eight, sixteen in zip(
            demosaic(plane, "gbrg", method), demosaic(plane.astype(np.uint16) * 256, "gbrg", method), strict=True
        ):
            assert np.abs(sixteen / 256 - eight).max() <= 1
