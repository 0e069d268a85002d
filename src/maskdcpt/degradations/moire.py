"""A screen that was photographed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.eight_bit import to_bytes
from maskdcpt.degradations.mosaic import PHASES, bayer_mosaic, demosaic, sites, widen
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.transfer import decode, encode

WAVE_STEPS = 4096
"""Entries of the table of a cosine, a power of two."""

RAW_WHITE = 65535
"""Value of a full sensor."""

# Computed in double precision, so that they are the same on all machines.
_SCREEN_LIGHT = decode(np.arange(256) / 255).astype(np.float32)
_ENCODED = encode(np.arange(RAW_WHITE + 1) / RAW_WHITE).astype(np.float32)


@dataclass(frozen=True)
class Moire(Level):
    """Moire: a screen, photographed by a camera whose pixels are nearly as far apart as those of the screen.

    After the synthesis of Yuan et al. ("AIM 2019 challenge on image demoireing: dataset and study", ICCVW 2019) in the
    setting of Sun, Yu and Wang ("Moire photo restoration using multiresolution convolutional neural networks", IEEE
    TIP 2018). The screen shows 8-bit values as columns of red, green and blue light, a third of a pixel apart, with
    gaps between the rows. The camera sees this lattice a little too large or small, turned, in perspective and bent
    by the lens, through a Bayer pattern whose missing colours are then found along edges. Sampling folds the lattice
    to the difference between the two: bands, in different places for each of the three colours. White balance and
    exposure are a little off, and the screen reflects the room.

    Only the fundamental waves of the lattice are kept, since aperture and lens take the harmonics, and what these leave
    of the fundamental ones is drawn. The picture itself stays where it is, and sharp: only the lattice is
    distorted, so that the result can be compared with the picture.
    """

    type_name: ClassVar[str] = "moire"
    title: ClassVar[str] = "Moire"

    period: float = parameter(2, 500, "pixels from band to band")
    """Distance between bands in pixels; it varies by about a half over the picture."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Shows and photographs."""
        _, height, width = image.shape
        phase = PHASES[rng.integers(len(PHASES))]
        raw = np.take(_SCREEN_LIGHT, bayer_mosaic(widen(to_bytes(image)), phase))
        columns, rows = lattice_phases(raw.shape, self.period, rng)
        contrast = rng.uniform(0.15, 0.3)
        cast = np.exp(rng.normal(0, 0.03, size=3))
        reflection = rng.uniform(0.002, 0.015)
        exposure = rng.uniform(0.85, 1) * (1 - reflection) * cast / cast.max()
        for channel, row, column in sites(phase):
            site = np.s_[row::2, column::2]
            columns[site] -= WAVE_STEPS * channel // 3
            raw[site] *= np.float32(exposure[channel])
        raw *= _wave(columns, contrast)
        raw *= _wave(rows, contrast * rng.uniform(0.2, 0.6))
        raw += np.float32(reflection)
        values = np.minimum(raw * np.float32(RAW_WHITE), RAW_WHITE).astype(np.uint16)
        colours = demosaic(values, phase, "edge_aware")
        return np.take(_ENCODED, np.stack(colours))[:, :height, :width]


def lattice_phases(size: tuple[int, ...], period: float, rng: Generator) -> list[NDArray[np.int32]]:
    """Where in the lattice of a screen the pixels of a camera look.

    The waves of the lattice are those of the camera's own and one of the wanted beat, in any direction: together a
    change of scale and a turn. Perspective and lens distortion change them over the picture, in proportion to the beat.

    Args:
        size: Height and width of the camera's picture.
        period: Distance between bands in the middle of the picture, in pixels.
        rng: Draws how the camera is held.

    Returns:
        Phases across columns and across rows of the screen, (H, W) each, counted in ``WAVE_STEPS`` to a pixel of the
        screen.
    """
    height, width = size
    radius = np.hypot(height, width) / 2
    down = ((np.arange(height) + 0.5 - height / 2) / radius)[:, None]
    across = (np.arange(width) + 0.5 - width / 2) / radius
    # Complex numbers are vectors, across + 1j * down; the lattice may stand upright or lie.
    beat = np.exp(2j * np.pi * rng.random()) / period
    wave = (1 + beat) * 1j ** rng.integers(4)
    lens = rng.uniform(-0.25, 0.25) / period
    tilt = rng.normal(0, 0.15, size=2) / period
    along = 1 + lens * across**2 + tilt[0] * across
    bend = np.add(lens * down**2 + tilt[1] * down, along, dtype=np.float32)
    phases = []
    for vector in (wave, wave * 1j):
        per_radius = WAVE_STEPS * radius * vector
        phase = np.add(per_radius.real * across, per_radius.imag * down, dtype=np.float32)
        phase *= bend
        phase += np.float32(WAVE_STEPS * rng.random())
        phases.append(phase.astype(np.int32))
    return phases


def _wave(steps: NDArray[np.int32], contrast: float) -> Pixels:
    """One plus a cosine of the given amplitude, at phases in steps."""
    turn = 2 * np.pi * np.arange(WAVE_STEPS) / WAVE_STEPS
    table: Pixels = (1 + contrast * np.cos(turn)).astype(np.float32)
    return np.take(table, steps & (WAVE_STEPS - 1))
