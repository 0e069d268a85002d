"""Patches without their weak frequencies: the kin of BM3D that needs no search for similar patches."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from maskdcpt.baselines.base import Pixels
from maskdcpt.baselines.noise_level import NOTHING, noise_level

PATCH = 8
"""Side of the patches in pixels."""
THRESHOLD = 2.7
"""Coefficients below so many deviations of the noise are taken for noise."""
STRIP = 64
"""Rows of patches that are worked on at once, which bounds memory to 40 KiB for each pixel of width."""


def dct_denoise(image: Pixels) -> Pixels:
    """Thresholds the discrete cosine transform of every patch of 8 x 8 pixels by the noise that there seems to be.

    Colours are first turned into their mean and two differences, which an orthonormal transform leaves with the same
    noise. Where patches overlap they are averaged, those with fewer coefficients left counting more. An image without
    noise is left as it is.
    """
    sigma = noise_level(image)
    if sigma < NOTHING:
        return image
    reach = PATCH - 1
    padded = cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    colours = _cosines(3).astype(np.float32)
    channels = torch.from_numpy(np.ascontiguousarray((padded @ colours.T).transpose(2, 0, 1)))[:, None]
    cosines = _cosines(PATCH)
    waves = torch.from_numpy(np.einsum("ua,vb->uvab", cosines, cosines)).float().reshape(-1, 1, PATCH, PATCH)
    sums, weights = torch.zeros_like(channels), torch.zeros_like(channels)
    for top in range(0, channels.shape[-2] - reach, STRIP):
        rows = slice(top, top + STRIP + reach)
        for number in range(3):
            _add_patches(
                channels[number, :, rows], waves, THRESHOLD * sigma, sums[number, :, rows], weights[number, :, rows]
            )
    restored = (sums / weights)[:, 0, reach:-reach, reach:-reach].permute(1, 2, 0).numpy()
    return np.asarray(restored @ colours, dtype=np.float32)


def _add_patches(channel: Tensor, waves: Tensor, threshold: float, sums: Tensor, weights: Tensor) -> None:
    """Adds the weighted patches of a strip (1, H, W) to ``sums`` and their weights to ``weights``."""
    coefficients = F.conv2d(channel[None], waves)
    kept = coefficients.abs() > threshold
    kept[:, 0] = True  # the mean of a patch is no noise
    weight = 1 / kept.sum(1, keepdim=True).float()
    sums += F.conv_transpose2d(coefficients * kept * weight, waves)[0]
    weights += F.conv_transpose2d(weight, torch.ones(1, 1, PATCH, PATCH))[0]


def _cosines(size: int) -> NDArray[np.float64]:
    """The orthonormal discrete cosine transform, a frequency a row."""
    places = np.arange(size)
    rows = np.cos(np.pi * np.outer(places, 2 * places + 1) / (2 * size)) * np.sqrt(2 / size)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float64)
