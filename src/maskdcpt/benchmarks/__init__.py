"""What networks, degradations, training, data sets and restoring cost on a machine, as ratios within one run."""

from maskdcpt.benchmarks.backbones import FULL, QUICK, Plan, bench_backbones
from maskdcpt.benchmarks.data import FULL_DATA, QUICK_DATA, DataPlan, bench_data
from maskdcpt.benchmarks.degradations import (
    FULL_DEGRADATIONS,
    QUICK_DEGRADATIONS,
    DegradationPlan,
    bench_degradations,
)
from maskdcpt.benchmarks.restore import FULL_RESTORE, QUICK_RESTORE, RestorePlan, bench_restore
from maskdcpt.benchmarks.training import FULL_TRAINING, QUICK_TRAINING, TrainingPlan, bench_training

__all__ = [
    "FULL",
    "FULL_DATA",
    "FULL_DEGRADATIONS",
    "FULL_RESTORE",
    "FULL_TRAINING",
    "QUICK",
    "QUICK_DATA",
    "QUICK_DEGRADATIONS",
    "QUICK_RESTORE",
    "QUICK_TRAINING",
    "DataPlan",
    "DegradationPlan",
    "Plan",
    "RestorePlan",
    "TrainingPlan",
    "bench_backbones",
    "bench_data",
    "bench_degradations",
    "bench_restore",
    "bench_training",
]
