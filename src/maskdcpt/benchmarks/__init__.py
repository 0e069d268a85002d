"""What networks and degradations cost on a machine, as ratios and rates within one run."""

from maskdcpt.benchmarks.backbones import FULL, QUICK, Plan, bench_backbones
from maskdcpt.benchmarks.degradations import (
    FULL_DEGRADATIONS,
    QUICK_DEGRADATIONS,
    DegradationPlan,
    bench_degradations,
)

__all__ = [
    "FULL",
    "FULL_DEGRADATIONS",
    "QUICK",
    "QUICK_DEGRADATIONS",
    "DegradationPlan",
    "Plan",
    "bench_backbones",
    "bench_degradations",
]
