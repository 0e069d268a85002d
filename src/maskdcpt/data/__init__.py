"""Clean images and the degraded samples made of them."""

from maskdcpt.data.config import DataConfig
from maskdcpt.data.crops import Batch, DegradedCrops
from maskdcpt.data.loader import training_batches, training_images
from maskdcpt.data.sources import CachedImages, CleanImages, EmbeddedImages, FolderImages

__all__ = [
    "Batch",
    "CachedImages",
    "CleanImages",
    "DataConfig",
    "DegradedCrops",
    "EmbeddedImages",
    "FolderImages",
    "training_batches",
    "training_images",
]
