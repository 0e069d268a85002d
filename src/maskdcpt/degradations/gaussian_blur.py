"""Blur by kernels with a formula, as super-resolution trains with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.filters import convolve, convolve_separable
from maskdcpt.degradations.kernels import elliptic_distance, generalised_gaussian, plateau, sinc
from maskdcpt.degradations.parameters import choice, parameter
from maskdcpt.errors import UserError

FAMILIES = ("iso", "aniso", "generalised_iso", "generalised_aniso", "plateau_iso", "plateau_aniso")

BETAS = {"generalised": (0.5, 4.0), "plateau": (1.0, 2.0)}
"""Smallest and largest exponent of the families that have one."""

SIZES = range(7, 22, 2)
"""Sides of the kernels in pixels."""


@dataclass(frozen=True)
class GaussianBlur(Level):
    """Blur by a Gaussian or one of its relatives, drawn anew for each picture.

    Families, formulas and ranges are those of Real-ESRGAN (Wang et al., "Real-ESRGAN: Training real-world blind
    super-resolution with pure synthetic data", ICCVW 2021, section 3.1) as the data of MaskDCPT use them: on encoded
    values, on an odd side of 7 to 21 pixels drawn whatever the deviation, so that a wide kernel on a small side is cut
    off and is then nearly a box. Half of the exponents are drawn above 1, the others below it or, for plateaus, at 1.

    A kernel without symmetry takes far longer than the separable, round one of most libraries, which is "iso" here, and
    double precision, which makes results the same on all machines, takes twice the time of single.
    """

    type_name: ClassVar[str] = "gaussian_blur"
    title: ClassVar[str] = "Gaussian blur"

    family: str = choice(*FAMILIES)
    """Shape of the kernel: round (iso) or a turned ellipse (aniso); Gaussian, generalised Gaussian or plateau."""

    low: float = parameter(0.05, 10, "smallest standard deviation in pixels")
    """Smallest standard deviation in pixels."""

    high: float = parameter(0.05, 10, "largest standard deviation in pixels")
    """Largest standard deviation in pixels; that of each axis is drawn evenly between the two."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_order(self.type_name, self.low, self.high)

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Averages with a new kernel."""
        size, first = int(rng.choice(SIZES)), rng.uniform(self.low, self.high)
        if self.family == "iso":
            # The one family whose kernel is a product of rows and columns.
            weights = np.exp(-(((np.arange(size) - size // 2) / first) ** 2) / 2)
            profile = (weights / weights.sum()).astype(np.float32)
            return convolve_separable(image, profile, profile)
        turned = self.family.endswith("aniso")
        second, angle = (rng.uniform(self.low, self.high), rng.uniform(-np.pi, np.pi)) if turned else (first, 0.0)
        q = elliptic_distance(size, (first, second), angle)
        shape = self.family.split("_")[0]
        if shape in BETAS:
            low, high = BETAS[shape]
            beta = rng.uniform(low, 1) if rng.random() < 0.5 else rng.uniform(1, high)
            kernel = plateau(q, beta) if shape == "plateau" else generalised_gaussian(q, beta)
        else:
            kernel = generalised_gaussian(q)
        return convolve(image, kernel.astype(np.float32))


@dataclass(frozen=True)
class SincBlur(Level):
    """Blur by an ideal low-pass, which leaves rings beside edges as sharpening and strong compression do.

    The sinc filter of Real-ESRGAN (Wang et al., ICCVW 2021, section 3.3), on encoded values. As there, kernels of less
    than 13 pixels, too small for the lobes of low cut-offs, are drawn for cut-offs of pi / 3 and above only.
    """

    type_name: ClassVar[str] = "sinc_blur"
    title: ClassVar[str] = "Sinc blur"

    low: float = parameter(0.3, np.pi, "lowest cut-off in radians per pixel")
    """Lowest cut-off in radians per pixel."""

    high: float = parameter(0.3, np.pi, "highest cut-off in radians per pixel")
    """Highest cut-off in radians per pixel; pi is the finest pattern that pixels can show."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_order(self.type_name, self.low, self.high)

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Cuts off what is finer."""
        cutoff = rng.uniform(self.low, self.high)
        size = int(rng.choice([size for size in SIZES if size >= 13 or cutoff >= np.pi / 3]))
        return convolve(image, sinc(size, cutoff).astype(np.float32))


def check_order(name: str, low: float, high: float) -> None:
    """Checks the ends of an interval.

    Raises:
        UserError: If they are in the wrong order.
    """
    if low > high:
        raise UserError(f"{name}: low is {low:g}, but must not exceed high, which is {high:g}")
