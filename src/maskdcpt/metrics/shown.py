"""How metrics are shown to people, in tables of commands and pages alike."""

from __future__ import annotations

from collections.abc import Sequence

from maskdcpt.metrics.sets import SetMetric
from maskdcpt.metrics.table import Metric

_BETWEEN_0_AND_1 = ("ssim", "nrmse", "lpips", "maniqa")
"""What names of metrics begin with that differ in the third digit after the point."""


def digits(metric: Metric | SetMetric) -> int:
    """Digits after the point."""
    return 4 if metric.name.startswith(_BETWEEN_0_AND_1) else 2


def leading(metrics: Sequence[Metric | SetMetric]) -> list[Metric | SetMetric]:
    """Those that a table has where there is room for two: PSNR and SSIM, or without them the first."""
    return [metric for metric in metrics if metric.name in ("psnr", "ssim")] or list(metrics[:2])
