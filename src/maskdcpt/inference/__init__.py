"""Using trained weights: restoring images and naming what damaged them."""

from maskdcpt.inference.batch import restore_files
from maskdcpt.inference.restorer import Restorer
from maskdcpt.inference.verdict import Verdict

__all__ = ["Restorer", "Verdict", "restore_files"]
