"""Using trained weights: restoring images and naming what damaged them."""

from maskdcpt.inference.batch import Plan, RestoreReport, Watcher, plan_files, restore_files
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.inference.outcome import BatchOptions, Outcome, Shown
from maskdcpt.inference.restorer import Restorer
from maskdcpt.inference.verdict import Verdict
from maskdcpt.inference.work import Restored

__all__ = [
    "BatchOptions",
    "Outcome",
    "Plan",
    "RestoreOptions",
    "RestoreReport",
    "Restored",
    "Restorer",
    "Shown",
    "Verdict",
    "Watcher",
    "plan_files",
    "restore_files",
]
