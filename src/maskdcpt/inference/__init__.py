"""Using trained weights: restoring images and naming what damaged them."""

from maskdcpt.inference.batch import restore_files
from maskdcpt.inference.restorer import Restorer

__all__ = ["Restorer", "restore_files"]
