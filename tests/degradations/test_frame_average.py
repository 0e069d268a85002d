import numpy as np
import pytest
import torch
from scipy import ndimage

from maskdcpt.degradations import FrameAverage, apply
from maskdcpt.degradations.frame_average import LARGEST_STEP, average_frames, camera_poses

CORNERS = np.array([[0, 0, 1], [199, 0, 1], [0, 149, 1], [199, 149, 1], [99.5, 74.5, 1]]).T


def trails(frames, seed):
    """Where the corners and the middle of a picture of 150 x 200 go, complex (n, 5)."""
    x, y = np.moveaxis(camera_poses(150, 200, frames, np.random.default_rng(seed)) @ CORNERS, 1, 0)
    return x + 1j * y


def test_frames_are_averaged_as_they_are_seen(rng):
    light = rng.random((3, 30, 40))
    steps = [(0, 0), (1, 0), (2, 1), (2, 3)]
    poses = np.array([[[1, 0, x], [0, 1, y]] for x, y in steps], float)
    expected = np.mean([ndimage.shift(light, (0, -y, -x), order=1, mode="mirror") for x, y in steps], axis=0)
    assert np.abs(average_frames(light.astype(np.float32), poses) - expected).max() < 1e-6


def test_roll_and_zoom_are_affine_maps_of_the_picture(rng):
    light = rng.random((3, 30, 40))
    pose = np.array([[[1.02, -0.05, 1.3], [0.05, 1.02, -0.7]]])
    y, x = np.mgrid[:30, :40]
    places = np.stack([0.05 * x + 1.02 * y - 0.7, 1.02 * x - 0.05 * y + 1.3])
    expected = [ndimage.map_coordinates(plane, places, order=1, mode="mirror") for plane in light]
    # OpenCV's linear interpolation knows fractions of a pixel to 1/32 or better.
    assert np.abs(average_frames(light.astype(np.float32), pose) - expected).max() < 0.04


@pytest.mark.parametrize("value", [0, 1, 64, 128, 254, 255])
def test_a_constant_picture_stays_as_it_is(value):
    image = torch.full((3, 30, 41), value / 255)
    assert torch.equal(apply(image, FrameAverage(33)), image)


def test_a_camera_that_stands_still_sees_the_picture(photos):
    still = np.array([[[1, 0, 0], [0, 1, 0]]] * 5, float)
    assert np.allclose(average_frames(photos[0].numpy(), still), photos[0].numpy(), atol=1e-6)


@pytest.mark.parametrize("length", [2, 8, 40])
def test_nothing_moves_further_than_a_step_between_two_samples(length):
    for seed in range(30):
        assert np.abs(np.diff(trails(length, seed), axis=0)).max() <= LARGEST_STEP + 1e-9


def test_the_camera_goes_about_as_far_as_asked_and_stays_about_the_middle():
    for length in (8, 20, 40):
        paths = [trails(length, seed) for seed in range(40)]
        lengths = [np.abs(np.diff(path[:, 4])).sum() for path in paths]
        assert np.median(lengths) == pytest.approx(length, rel=0.15)
        for path in paths:
            assert np.abs((path - CORNERS[0] - 1j * CORNERS[1]).mean(axis=0)).max() < 0.2 * length


def test_the_blur_differs_over_the_picture():
    lengths = np.array([np.abs(np.diff(trails(20, seed), axis=0)).sum(axis=0) for seed in range(60)])
    assert np.median(lengths.max(axis=1) / lengths.min(axis=1)) > 1.2
    # In direction too: the displacement from first to last sample turns from corner to corner.
    ends = np.array([trails(20, seed)[-1] - trails(20, seed)[0] for seed in range(60)])
    turns = np.abs(np.angle(ends[:, 0] / ends[:, 3]))
    assert np.median(turns) > np.radians(10)


def test_a_point_leaves_one_trail_without_gaps():
    points = torch.zeros(3, 180, 180)
    points[:, 50:131:40, 50:131:40] = 1
    for seed in range(10):
        trail = FrameAverage(15)(points, np.random.default_rng(seed))[0].numpy()
        _, pieces = ndimage.label(trail > 0.02, structure=np.ones((3, 3)))
        assert pieces == 9


def test_light_is_averaged_not_encoded_values():
    stripes = torch.zeros(3, 64, 64)
    stripes[:, :, ::2] = 1
    results = [FrameAverage(21)(stripes, np.random.default_rng(seed))[:, 20:-20, 20:-20] for seed in range(10)]
    # Half the light is 0.735 in sRGB; half of the encoded values would be 0.5.
    assert np.median([float(result.mean()) for result in results]) == pytest.approx(0.735, abs=0.02)
