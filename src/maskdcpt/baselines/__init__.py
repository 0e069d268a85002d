"""Restoration that has learnt nothing: what a network has to beat."""

from maskdcpt.baselines.base import Baseline
from maskdcpt.baselines.table import BASELINES

__all__ = ["BASELINES", "Baseline"]
