"""The noise of a camera's sensor, as it looks in the finished photo."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.transfer import decode, encode

SHOT = 1e-4
"""Variance of photon noise per unit of raw signal at gain 1, the least of the paper: white is 10 000 electrons."""

STEPS = 2**16 - 1
"""Intervals of the tables of curves: a multiple of 255, so that 8-bit values are met exactly."""

_XYZ_TO_CAMERA = np.array(
    [
        [[1.0234, -0.2969, -0.2266], [-0.5625, 1.6328, -0.0469], [-0.0703, 0.2188, 0.6406]],
        [[0.4913, -0.0541, -0.0202], [-0.6130, 1.3513, 0.2906], [-0.1564, 0.2151, 0.7183]],
        [[0.8380, -0.2630, -0.0639], [-0.2887, 1.0725, 0.2496], [-0.0627, 0.1427, 0.5438]],
        [[0.6596, -0.2079, -0.0562], [-0.4782, 1.3016, 0.1933], [-0.0970, 0.1581, 0.5181]],
    ]
)
"""Colour matrices of the four cameras of the Darmstadt noise data set, from the paper."""

_SRGB_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
"""IEC 61966-2-1."""


@dataclass(frozen=True)
class SensorNoise(Level):
    """Noise of a real camera: white on the sensor, coloured and blotchy in the photo.

    After Brooks et al. ("Unprocessing images for learned raw denoising", CVPR 2019): tone curve, gamma, colour matrix
    and white balance of a random camera are undone; the raw signal x under an RGGB mosaic gets noise of variance
    ``shot x + read``, where read depends on shot as in their regression; and the noise goes through bilinear
    demosaicing and the same camera forward again. The picture itself is not demosaiced: demosaicing is linear, so its
    result for the noise is added to the light of the picture, whose detail stays.

    Simplified: the exact sRGB curve stands for the power 2.2, whose slope at black has no bound; highlights are not
    rolled off, as the tone curve flattens their noise anyway; the camera does not denoise, sharpen or follow edges in
    demosaicing, which in finished photos make the noise of the channels more alike.
    """

    type_name: ClassVar[str] = "sensor_noise"
    title: ClassVar[str] = "Sensor noise"

    gain: float = parameter(0, 1000, "times the photon noise of base ISO")
    """Factor on the variance of photon noise: what a camera multiplies in less light, so about ISO / 100."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Exposes, and develops with a new random camera."""
        camera = draw_camera(rng)
        shot = SHOT * self.gain
        read = draw_read_variance(shot, rng)
        light = _look_up(_light_table(), image)
        noise = demosaic_noise(raw_noise(mosaic(light, camera), shot, read, rng))
        developed = cv2.transform(noise, np.linalg.inv(camera)).astype(np.float32)
        light += np.moveaxis(developed, 2, 0)
        return _look_up(_photo_table(), light)


def draw_camera(rng: Generator) -> NDArray[np.float64]:
    """A random camera: what makes raw red, green and blue of linear sRGB, (3, 3).

    Colour matrix and white balance have the distributions of the paper.
    """
    weights = rng.uniform(size=4)
    to_camera = np.tensordot(weights / weights.sum(), _XYZ_TO_CAMERA, 1) @ _SRGB_TO_XYZ
    # White stays white under the matrix; the light's colour is the balance's business.
    to_camera /= to_camera.sum(axis=1, keepdims=True)
    # The bound, four deviations away, keeps the brightness from changing its sign.
    brightness = max(rng.normal(0.8, 0.1), 0.4)
    red, blue = rng.uniform(1.9, 2.4), rng.uniform(1.5, 1.9)
    raw: NDArray[np.float64] = to_camera * (brightness / np.array([[red], [1], [blue]]))
    return raw


def draw_read_variance(shot: float, rng: Generator) -> float:
    """Variance of read noise for a variance ``shot`` of photon noise: log-normal about the regression of the paper."""
    return float(np.exp(rng.normal(1.2, 0.26)) * shot**2.18)


def mosaic(light: Pixels, camera: NDArray[np.float64]) -> Pixels:
    """The raw signal under an RGGB mosaic, (H, W), at least 0; ``light`` is linear, (3, H, W)."""
    raw = np.empty(light.shape[1:], dtype=np.float32)
    rows = camera.astype(np.float32)
    for top, left, colour in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        cell = light[:, top::2, left::2]
        red, green, blue = rows[colour]
        raw[top::2, left::2] = red * cell[0] + green * cell[1] + blue * cell[2]
    return np.maximum(raw, 0, out=raw)


def raw_noise(raw: Pixels, shot: float, read: float, rng: Generator) -> Pixels:
    """Noise of variance ``shot * raw + read`` for a mosaic and a frame of one more pixel all around it.

    Args:
        raw: Raw signal, (H, W).
        shot: Variance of photon noise per unit of signal.
        read: Variance of read noise.
        rng: Draws.

    Returns:
        (H + 2, W + 2). The signal beyond the border mirrors the inside, which keeps the colours of the mosaic.
    """
    deviation = np.sqrt(raw * np.float32(shot) + np.float32(read))
    noise = rng.standard_normal((raw.shape[0] + 2, raw.shape[1] + 2), dtype=np.float32)
    noise *= cv2.copyMakeBorder(deviation, 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    return noise


def demosaic_noise(framed: Pixels) -> NDArray[np.float64]:
    """Bilinear demosaicing of an RGGB mosaic with its frame, (H + 2, W + 2), to channels last, (H, W, 3)."""
    # The frame shifts the phase: what is at odd places here is at even ones inside.
    # In double precision, so that last bits do not matter, which differ between processors.
    red, green, blue = np.zeros((3, *framed.shape))
    red[1::2, 1::2] = framed[1::2, 1::2]
    blue[::2, ::2] = framed[::2, ::2]
    green[1::2, ::2] = framed[1::2, ::2]
    green[::2, 1::2] = framed[::2, 1::2]
    wide = np.array([0.5, 1, 0.5])
    cross = np.array([[0, 0.25, 0], [0.25, 1, 0.25], [0, 0.25, 0]])
    planes = (
        cv2.sepFilter2D(red, -1, wide, wide),
        cv2.filter2D(green, -1, cross),
        cv2.sepFilter2D(blue, -1, wide, wide),
    )
    return np.asarray(cv2.merge(planes)[1:-1, 1:-1])


@cache
def _light_table() -> Pixels:
    """Linear light of finished values: the smoothstep tone curve and the sRGB curve undone."""
    values = np.linspace(0, 1, STEPS + 1)
    return decode(0.5 - np.sin(np.arcsin(1 - 2 * values) / 3)).astype(np.float32)


@cache
def _photo_table() -> Pixels:
    """Finished values of linear light."""
    encoded = encode(np.linspace(0, 1, STEPS + 1))
    return (encoded**2 * (3 - 2 * encoded)).astype(np.float32)


def _look_up(table: Pixels, values: Pixels) -> Pixels:
    """The nearest entries of a table over [0, 1], for values that may lie beyond it."""
    place = values * np.float32(STEPS)
    place += 0.5
    return table.take(place.astype(np.int32), mode="clip")
