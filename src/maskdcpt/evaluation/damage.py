"""How a protocol damages clean images: levels of our engine, or the recipe of a published evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from maskdcpt.classes import CLEAN
from maskdcpt.degradations import CATALOGUE, GaussianBlur, Level, SincBlur, apply
from maskdcpt.degradations.mosaic import bayer_mosaic
from maskdcpt.seeds import derive_seed


class Scope(NamedTuple):
    """What random numbers belong to."""

    protocol: str
    """Name of the protocol."""
    version: int
    """Its version."""
    image: str
    """Name of the clean image."""


class Damage(Protocol):
    """One way to damage a clean image, always the same for the same image."""

    @property
    def type(self) -> str:
        """Type of damage, as the catalogue names it."""
        ...

    @property
    def title(self) -> str:
        """Which damage, in a few words; no two of a test set have the same."""
        ...

    def degrade(self, clean: Tensor, scope: Scope) -> Tensor:
        """The damaged image (3, H, W) in [0, 1] of a clean one."""
        ...


@dataclass(frozen=True)
class Engine:
    """A level of our catalogue."""

    type: str
    """Type of damage."""
    index: int
    """Place of the level in the catalogue."""
    held_out: bool = False
    """Whether it is one of the levels that training never sees."""

    @property
    def level(self) -> Level:
        """The level itself."""
        entry = CATALOGUE[self.type]
        return (entry.held_out if self.held_out else entry.levels)[self.index]

    @property
    def title(self) -> str:
        """The level as text."""
        return str(self.level)

    def degrade(self, clean: Tensor, scope: Scope) -> Tensor:
        """Damages with a seed made of protocol, image name, type and level."""
        place = ("held out", self.index) if self.held_out else (self.index,)
        return apply(clean, self.level, seed=derive_seed(*scope, self.type, *place))


@dataclass(frozen=True)
class Plain:
    """A level of which nothing is random."""

    type: str
    """Type of damage."""
    level: Level
    """The level itself."""

    @property
    def title(self) -> str:
        """The level as text."""
        return str(self.level)

    def degrade(self, clean: Tensor, scope: Scope) -> Tensor:
        """Damages."""
        return apply(clean, self.level)


@dataclass(frozen=True)
class Untouched:
    """No damage at all: what a network makes of an image that needs nothing."""

    type: ClassVar[str] = CLEAN
    title: ClassVar[str] = "as it is"

    def degrade(self, clean: Tensor, scope: Scope) -> Tensor:
        """Changes nothing."""
        return clean


@dataclass(frozen=True)
class LegacyNoise:
    """Gaussian noise as the published evaluation adds it: NumPy's old generator with seed 0 for every image.

    It is drawn in double precision in the order height, width, RGB, added to float32, clipped, and not rounded to 8
    bit. Images of one size so share one noise field.
    """

    type: ClassVar[str] = "gaussian_noise"
    sigma: float
    """Standard deviation in 1/255."""

    @property
    def title(self) -> str:
        """The deviation."""
        return f"sigma {self.sigma:g}"

    def degrade(self, clean: Tensor, scope: Scope) -> Tensor:
        """Adds the noise."""
        pixels = clean.permute(1, 2, 0).numpy()
        noise = np.random.RandomState(0).normal(0, self.sigma / 255, pixels.shape)
        noisy = (pixels + noise).astype(np.float32)
        return torch.from_numpy(noisy).permute(2, 0, 1).contiguous().clamp_(0, 1)


@dataclass(frozen=True)
class RandomBlur:
    """The blur of the published 12D evaluation: a kernel drawn for each image, not rounded to 8 bit.

    A tenth are ideal low-passes, the others of six families by the weights of Real-ESRGAN, with deviations between 0.2
    and 3 pixels. Which kernel an image gets there depends on the order of files on its authors' disk; here on the name
    of the image.
    """

    type: ClassVar[str] = "gaussian_blur"
    title: ClassVar[str] = "random kernel"
    weights: ClassVar[dict[str, float]] = {
        "iso": 0.45,
        "aniso": 0.25,
        "generalised_iso": 0.12,
        "generalised_aniso": 0.03,
        "plateau_iso": 0.12,
        "plateau_aniso": 0.03,
    }
    """Family to its share."""

    def degrade(self, clean: Tensor, scope: Scope) -> Tensor:
        """Blurs."""
        name = scope.image.rpartition("/")[2].partition(".")[0]  # the same wherever the data set lies
        rng = np.random.default_rng(derive_seed("published blur", name))
        if rng.random() < 0.1:
            level: Level = SincBlur(np.pi / 5, np.pi)
        else:
            level = GaussianBlur(str(rng.choice(list(self.weights), p=list(self.weights.values()))), 0.2, 3)
        return level(clean, rng)


@dataclass(frozen=True)
class SwappedMosaic:
    """The mosaic of the published 12D evaluation, whose demosaiced image has red and blue exchanged.

    An RGGB pattern, demosaiced along edges by OpenCV, which leaves the pixels at the border as it does; the result is
    taken for RGB and is BGR. Networks that were trained so have learned to exchange them back.
    """

    type: ClassVar[str] = "mosaic"
    title: ClassVar[str] = "RGGB, red and blue exchanged"

    def degrade(self, clean: Tensor, scope: Scope) -> Tensor:
        """Samples and demosaics."""
        plane = bayer_mosaic(clean.mul(255).round().byte().numpy(), "rggb")
        exchanged = cv2.cvtColor(np.ascontiguousarray(plane), cv2.COLOR_BayerRGGB2BGR_EA)
        return torch.from_numpy(exchanged).permute(2, 0, 1).float().div_(255).contiguous()
