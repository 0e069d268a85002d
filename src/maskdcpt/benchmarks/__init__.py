"""What the networks cost, as ratios that a noisy machine does not blur."""

from maskdcpt.benchmarks.backbones import FULL, QUICK, Plan, bench_backbones

__all__ = ["FULL", "QUICK", "Plan", "bench_backbones"]
