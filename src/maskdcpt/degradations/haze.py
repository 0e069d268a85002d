"""Haze between the camera and the scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from maskdcpt.degradations.base import Level, Pixels
from maskdcpt.degradations.depth import synthesise_depth
from maskdcpt.degradations.exact import exp
from maskdcpt.degradations.parameters import parameter


@dataclass(frozen=True)
class Haze(Level):
    """Haze: the atmospheric scattering model over a synthetic depth.

    The model is Koschmieder's as used by RESIDE (Li et al., "Benchmarking single-image dehazing and beyond", IEEE TIP
    2019), which applies it to encoded values with a grey airlight; its 7 x 5 grid of parameters is ours too.
    """

    type_name: ClassVar[str] = "haze"
    title: ClassVar[str] = "Haze"

    beta: float = parameter(0, 1, "scattering per metre")
    """Scattering coefficient per metre."""

    airlight: float = parameter(0, 1, "encoded grey")
    """Encoded value of the haze where it hides everything, the same in all channels."""

    def degrade(self, image: Pixels, rng: Generator) -> Pixels:
        """Scatters over a new random depth."""
        depth = synthesise_depth(image.shape[1], image.shape[2], rng)
        return scatter(image, depth, self.beta, self.airlight)


def scatter(image: Pixels, depth: Pixels, beta: float, airlight: float) -> Pixels:
    """The scattering model I = J t + A (1 - t) with t = exp(-beta d).

    Args:
        image: Clear image J, (3, H, W).
        depth: Distance d to the camera in metres, (H, W).
        beta: Scattering coefficient per metre.
        airlight: A, in [0, 1].
    """
    transmission = exp(-beta * depth)
    hazy: Pixels = image * transmission
    hazy += airlight * (1 - transmission)
    return hazy
