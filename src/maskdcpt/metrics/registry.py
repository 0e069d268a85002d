"""The metrics by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from maskdcpt.metrics.fidelity import nrmse, psnr, ssim


@dataclass(frozen=True)
class Metric:
    """How images are judged."""

    name: str
    """What files call it."""
    title: str
    """What people call it."""
    unit: str
    """Of its values, empty without one."""
    higher_is_better: bool
    """Which way is better."""
    needs_reference: bool
    """Whether a clean image is needed."""
    extra: str | None
    """Optional dependency group that it needs."""
    definition: str
    """One line."""
    compute: Callable[[Tensor, Tensor | None], Tensor]
    """Restored images and their references to values, float64."""


def _full(function: Callable[[Tensor, Tensor], Tensor], rounded: bool) -> Callable[[Tensor, Tensor | None], Tensor]:
    def compute(restored: Tensor, reference: Tensor | None) -> Tensor:
        assert reference is not None
        pair = [image.mul(255).round().div(255) if rounded else image for image in (restored, reference)]
        return function(*pair)

    return compute


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("psnr", "PSNR", "dB", True, True, None, "", _full(psnr, False)),
            Metric("ssim", "SSIM", "", True, True, None, "", _full(ssim, False)),
            Metric("nrmse", "NRMSE", "", False, True, None, "", _full(nrmse, False)),
            Metric("psnr_8bit", "PSNR, 8 bit", "dB", True, True, None, "", _full(psnr, True)),
            Metric("ssim_8bit", "SSIM, 8 bit", "", True, True, None, "", _full(ssim, True)),
        )
    }
)
"""Name to metric."""
