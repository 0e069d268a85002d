"""Blur by motion of the camera, as an average of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.limits import WARPED, require_sides
from maskdcpt.degradations.motion_blur import shake_path, wander
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.transfer import to_encoded, to_linear

LARGEST_STEP = 1.0
"""Motion between two samples in pixels, beyond which edges would show one by one."""


@dataclass(frozen=True)
class FrameAverage(Level):
    """The average of consecutive frames of a fast camera that moves: the blur of the GoPro and REDS data.

    GoPro averages 7 to 13 frames (Nah et al., "Deep multi-scale convolutional neural network for dynamic scene
    deblurring", CVPR 2017), REDS many more, interpolated to be without gaps (Nah et al., "NTIRE 2019
    challenge on video deblurring and super-resolution", CVPRW 2019), both of them as light, after inverting the
    response of the camera. Here the camera shakes, rolls and zooms a little about a random point of a flat scene, so
    the blur differs over the picture; nothing in the scene moves by itself.
    """

    type_name: ClassVar[str] = "frame_average"
    title: ClassVar[str] = "Frame averaging"

    frames: int = parameter(3, 33, "frames", whole=True)
    """Frames of the exposure, between which the camera moves by 1 to 1.5 pixels."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Averages the light that a moving camera sees."""
        require_sides(image, WARPED, self.type_name)
        poses = camera_poses(image.shape[1], image.shape[2], (self.frames - 1) * rng.uniform(1, 1.5), rng)
        return to_encoded(average_frames(to_linear(image), poses))


def camera_poses(height: int, width: int, length: float, rng: Generator) -> NDArray[np.float64]:
    """Where a moving camera looks, at equal steps of time.

    Args:
        height: Rows of the picture.
        width: Columns.
        length: Length of its path in pixels.
        rng: Draws the path, roll, zoom and their centre.

    Returns:
        Affine maps from the pixels of a frame to those of the still picture, (n, 2, 3); as many as it takes for no
        pixel to move by more than ``LARGEST_STEP`` pixels from one to the next.
    """
    path = shake_path(length, rng)
    time = np.linspace(0, 1, path.size)
    # At the corners, roll and zoom move the picture by about a third of what the shake does.
    scale = length / np.hypot(height, width)
    turn = wander(time, 0.15 * scale, rng) + 1j * wander(time, 0.3 * scale, rng)
    factor = np.exp(turn - turn.mean())
    centre = rng.uniform(0, width) + 1j * rng.uniform(0, height)
    shift = centre * (1 - factor) + path
    corners = np.array([0, width, 1j * height, width + 1j * height])
    travelled = np.abs(np.diff(factor[:, None] * corners + shift[:, None], axis=0)).max()
    every = max(int(LARGEST_STEP / travelled), 1)
    factor, shift = factor[::every], shift[::every]
    maps = np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])
    return np.moveaxis(maps, 2, 0)


def average_frames(light: Pixels, poses: NDArray[np.float64]) -> Pixels:
    """The mean of a picture seen from several poses; beyond its border it is mirrored.

    Args:
        light: Linear light, (3, H, W).
        poses: Affine maps from frame to picture, (n, 2, 3).

    Returns:
        Linear light, (3, H, W).
    """
    # In double precision the last bits, which differ between processors, do not matter.
    picture = cv2.merge([*light]).astype(np.float64)
    size = (light.shape[2], light.shape[1])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    total = np.zeros_like(picture)
    for pose in poses:
        total += cv2.warpAffine(picture, pose, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    total /= len(poses)
    mean: Pixels = np.moveaxis(total, 2, 0).astype(np.float32, order="C")
    return mean
