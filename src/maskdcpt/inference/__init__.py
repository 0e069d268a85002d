"""Using trained weights: restoring images and naming what damaged them."""

from maskdcpt.inference.batch import Plan, RestoreReport, Watcher, plan_files, restore_files
from maskdcpt.inference.loading import Runtime, load_restorer
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.inference.outcome import BatchOptions, Outcome, Shown
from maskdcpt.inference.restorer import BaseRestorer, ExportedRestorer, Restorer
from maskdcpt.inference.verdict import Verdict
from maskdcpt.inference.work import Restored

__all__ = [
    "BaseRestorer",
    "BatchOptions",
    "ExportedRestorer",
    "Outcome",
    "Plan",
    "RestoreOptions",
    "RestoreReport",
    "Restored",
    "Restorer",
    "Runtime",
    "Shown",
    "Verdict",
    "Watcher",
    "load_restorer",
    "plan_files",
    "restore_files",
]
