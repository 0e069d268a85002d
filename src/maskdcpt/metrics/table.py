"""All metrics of images by name: what they are called, which way is better, and how to compute them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import Tensor

from maskdcpt.errors import UserError, nearest
from maskdcpt.metrics import extras
from maskdcpt.metrics.fidelity import nrmse, psnr, ssim
from maskdcpt.metrics.inputs import check_image, check_pair
from maskdcpt.metrics.piqe import piqe
from maskdcpt.metrics.sets import SET_METRICS, SetMetric


@dataclass(frozen=True)
class Metric:
    """A way to judge restored images one by one, with or without a reference."""

    name: str
    """Identifier in commands and files."""

    title: str
    """Name for people."""

    unit: str
    """Unit of the values, empty for bare numbers."""

    higher_is_better: bool
    """Whether larger values are better."""

    needs_reference: bool
    """Whether it compares with the clean image; if not, it looks at the restored image alone."""

    definition: str
    """What exactly is computed, in a line."""

    function: Callable[..., Tensor]
    """Takes the restored image and, where the metric needs one, the reference."""

    extra: str | None = None
    """The group of optional packages that it needs: ``pip install "maskdcpt[metrics]"``."""

    def compute(self, restored: Tensor, reference: Tensor | None = None) -> Tensor:
        """Judges an image, or each of a batch.

        Args:
            restored: (3, H, W) or (N, 3, H, W) of floats in [0, 1].
            reference: The clean images, of the same shape; not looked at by metrics that need none.

        Returns:
            float64 () or (N,).

        Raises:
            UserError: If the images cannot be judged, or a package or its weights are missing.
        """
        if not self.needs_reference:
            return self.function(restored)
        if reference is None:
            raise UserError(f"{self.title} compares with a clean image, and there is none")
        return self.function(restored, reference)


def _fidelity(suffix: str, words: str, note: str, **options: Any) -> tuple[Metric, ...]:
    """PSNR, SSIM and NRMSE with options, under names and definitions that say which."""
    return (
        Metric(
            f"psnr{suffix}",
            f"PSNR{words}",
            "dB",
            True,
            True,
            f"-10 log10 of the mean squared error over all pixels and channels; {note}",
            partial(psnr, **options),
        ),
        Metric(
            f"ssim{suffix}",
            f"SSIM{words}",
            "",
            True,
            True,
            f"Gaussian window of 11 x 11, sigma 1.5, inside the image, mean over channels; {note}",
            partial(ssim, **options),
        ),
        Metric(
            f"nrmse{suffix}",
            f"NRMSE{words}",
            "",
            False,
            True,
            f"root mean squared error over the range of values of the restored image; {note}",
            partial(nrmse, **options),
        ),
    )


def _from_library(
    name: str, title: str, extra: str, definition: str, *, higher_is_better: bool, needs_reference: bool = False
) -> Metric:
    def function(restored: Tensor, reference: Tensor | None = None) -> Tensor:
        images = [check_image(restored, "restored image")]
        if reference is not None:
            images = list(check_pair(restored, reference))
        return extras.score(name, *images)

    return Metric(name, title, "", higher_is_better, needs_reference, definition, function, extra)


_ALL = (
    *_fidelity("", "", "RGB in [0, 1], not rounded"),
    *_fidelity("_8bit", " (8 bit)", "RGB, both rounded to 8 bit", bits=8),
    *_fidelity("_y", " (Y)", "luma by BT.601 in [16, 235] / 255, range 1, not rounded", luma=True),
    Metric(
        "piqe",
        "PIQE",
        "",
        False,
        False,
        "share of distorted blocks of 16 x 16 among those the eye notices, on 8-bit luma, as in the package pypiqe",
        piqe,
    ),
    Metric(
        "piqe_paper",
        "PIQE (paper)",
        "",
        False,
        False,
        "the same by the equations of Venkatanath et al. 2015",
        partial(piqe, variant="paper"),
    ),
    _from_library(
        "lpips",
        "LPIPS",
        "metrics",
        "distance of AlexNet features, linear heads v0.1, not rounded; by the package lpips",
        higher_is_better=False,
        needs_reference=True,
    ),
    _from_library("niqe", "NIQE", "iqa", "on 8-bit luma; by the package pyiqa", higher_is_better=False),
    _from_library("brisque", "BRISQUE", "iqa", "on 8-bit luma; by the package pyiqa", higher_is_better=False),
    _from_library("musiq", "MUSIQ", "iqa", "trained on KonIQ-10k, 8 bit; by the package pyiqa", higher_is_better=True),
    _from_library(
        "maniqa", "MANIQA", "iqa", "trained on KonIQ-10k, 8 bit; by the package pyiqa", higher_is_better=True
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
"""Name to metric. FID judges sets of images rather than images, and is in ``SET_METRICS``."""


def find_metric(name: str) -> Metric | SetMetric:
    """The metric of a name, of images or of sets.

    Raises:
        UserError: If there is none.
    """
    known: dict[str, Metric | SetMetric] = {**METRICS, **SET_METRICS}
    if name not in known:
        raise UserError(f"no metric is called {name!r}{nearest(name, known)}")
    return known[name]
