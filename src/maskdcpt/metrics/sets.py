"""Metrics that judge a set of restored images as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.metrics import extras
from maskdcpt.metrics.inputs import check_image, prepare


@dataclass(frozen=True)
class SetMetric:
    """A way to judge a set of restored images against a set of clean ones, whatever their order and sizes."""

    name: str
    """Identifier in commands and files."""

    title: str
    """Name for people."""

    unit: str
    """Unit of the values, empty for bare numbers."""

    higher_is_better: bool
    """Whether larger values are better."""

    definition: str
    """What exactly is computed, in a line."""

    features: Callable[[Tensor], Tensor]
    """Takes an image (3, H, W) in [0, 1] and gives the numbers (D,) in float32 that it counts with."""

    distance: Callable[[Tensor, Tensor], float]
    """Takes the features (N, D) of restored and (M, D) of clean images, two or more of each."""

    extra: str | None = None
    """The group of optional packages that it needs: ``pip install "maskdcpt[metrics]"``."""

    def compute(self, restored: Iterable[Tensor], reference: Iterable[Tensor]) -> float:
        """Judges images (3, H, W) in [0, 1], read one after the other.

        Raises:
            UserError: If there are fewer than two of a set, one cannot be judged, or the package or its weights are
                missing.
        """
        return self.distance(self._all(restored), self._all(reference))

    def _all(self, images: Iterable[Tensor]) -> Tensor:
        rows = [self.features(image) for image in images]
        return torch.stack(rows) if rows else torch.empty(0, 1)


def fid(restored: Iterable[Tensor], reference: Iterable[Tensor]) -> float:
    """Fréchet inception distance between two sets of images.

    Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017:
    features of 2048 numbers an image of the Inception network of the original release, as ported by the package
    pytorch-fid, of whole 8-bit images resized to 299 x 299. Few images give a large distance whatever they show, so
    that only values from the same number of images compare.

    Raises:
        UserError: If a set has fewer than two images, one cannot be judged, or the package or its weights are missing.
    """
    return SET_METRICS["fid"].compute(restored, reference)


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Squared Fréchet distance |m1 - m2|^2 + tr(S1 + S2 - 2 sqrt(S1 S2)) of Gaussians fitted to two sets of features.

    Args:
        one: (N, D), two rows or more.
        other: (M, D), two rows or more.

    Raises:
        UserError: If there are fewer rows.
    """
    if min(len(one), len(other)) < 2:
        raise UserError(f"sets of {len(one)} and {len(other)} images have no spread to compare; two or more are needed")
    one, other = one.double(), other.double()
    shift = (one.mean(0) - other.mean(0)).square().sum()
    a, b = ((x - x.mean(0)) / (len(x) - 1) ** 0.5 for x in (one, other))
    # S1 = A'A and S2 = B'B, and the eigenvalues of S1 S2 that are not 0 are the squares of the singular values of A B':
    # as exact as can be, however many more numbers than images there are.
    cross = torch.linalg.svdvals(a @ b.T).sum()
    return float(shift + a.square().sum() + b.square().sum() - 2 * cross)


def inception_features(image: Tensor) -> Tensor:
    """What the Inception network sees in an image (3, H, W), rounded to 8 bit first: (2048,) in float32.

    Raises:
        UserError: If it is no image, or the package or its weights are missing.
    """
    pixels = prepare(check_image(image, "image"), bits=8).float()[None]
    with torch.inference_mode():
        features: Tensor = extras.model("fid", image.device)(pixels)[0].flatten().float().cpu()
    return features.clone()


SET_METRICS: Mapping[str, SetMetric] = MappingProxyType(
    {
        "fid": SetMetric(
            "fid",
            "FID",
            "",
            False,
            "Fréchet distance of Inception features (2048) of whole 8-bit images; by the package pytorch-fid",
            inception_features,
            frechet_distance,
            "metrics",
        )
    }
)
"""Name to metric of sets."""
