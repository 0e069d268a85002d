"""Using trained weights: restoring images and naming what damaged them."""

from maskdcpt.inference.batch import restore_files
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.inference.restorer import Restorer
from maskdcpt.inference.work import Restored

__all__ = ["RestoreOptions", "Restored", "Restorer", "restore_files"]
