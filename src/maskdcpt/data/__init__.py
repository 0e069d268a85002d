"""Clean images and the degraded samples made of them."""

from maskdcpt.data.config import DataConfig
from maskdcpt.data.crops import Batch, DegradedCrops
from maskdcpt.data.degrade import Version, degrade_files
from maskdcpt.data.loader import training_batches, training_images
from maskdcpt.data.samples import sample_photo
from maskdcpt.data.sources import CachedImages, CentralCrops, CleanImages, EmbeddedImages, FolderImages, central_crop

__all__ = [
    "Batch",
    "CachedImages",
    "CentralCrops",
    "CleanImages",
    "DataConfig",
    "DegradedCrops",
    "EmbeddedImages",
    "FolderImages",
    "Version",
    "central_crop",
    "degrade_files",
    "sample_photo",
    "training_batches",
    "training_images",
]
