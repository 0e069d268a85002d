"""Fixed ways to measure: which degradations, at which levels, under which seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from maskdcpt.data import CleanImages
from maskdcpt.degradations import CATALOGUE, apply
from maskdcpt.errors import UserError, nearest
from maskdcpt.seeds import derive_seed


@dataclass(frozen=True)
class Protocol:
    """A named set of test cases over any clean images. RGB, whole image, PSNR and SSIM on floats in [0, 1]."""

    name: str
    """What the command line calls it."""
    version: int
    """Grows with every change that may change a number; results of different versions are not comparable."""
    levels: tuple[tuple[str, int], ...]
    """Type of damage, and index of the level in the catalogue."""

    @property
    def types(self) -> tuple[str, ...]:
        """The types of damage, each once, in order."""
        return tuple(dict.fromkeys(name for name, _ in self.levels))


@dataclass(frozen=True)
class Case:
    """One damaged image with its clean original."""

    image: str
    """Name of the clean image."""
    type: str
    """Type of damage."""
    level: str
    """The level, as text."""
    clean: Tensor
    """(3, H, W) in [0, 1]."""
    degraded: Tensor
    """(3, H, W) in [0, 1]."""


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "synthetic-5d",
            version=2,
            # A weak, a middle and a strong level of each type.
            levels=(
                *(("haze", index) for index in (5, 17, 29)),
                *(("rain_streak", index) for index in (2, 6, 9)),
                *(("gaussian_noise", index) for index in (1, 5, 8)),
                *(("motion_blur", index) for index in (1, 4, 6)),
                *(("low_light", index) for index in (1, 4, 6)),
            ),
        ),
    )
}


def find_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        UserError: If there is none.
    """
    if name not in PROTOCOLS:
        raise UserError(f"no protocol is called {name!r}{nearest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def cases(protocol: Protocol, images: CleanImages) -> Iterator[Case]:
    """Makes the test cases, image by image; each is determined by protocol, image name and level."""
    for index, name in enumerate(images.names):
        clean = images[index]
        for type_name, level_index in protocol.levels:
            level = CATALOGUE[type_name].levels[level_index]
            seed = derive_seed(protocol.name, protocol.version, name, type_name, level_index)
            yield Case(name, type_name, str(level), clean, apply(clean, level, seed=seed))
