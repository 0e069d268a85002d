"""Training images from one source or many, and the degraded samples made of them."""

from maskdcpt.data.config import DataConfig, SourceConfig
from maskdcpt.data.crops import Batch, DegradedCrops, Fault
from maskdcpt.data.degrade import Version, degrade_files
from maskdcpt.data.loader import training_batches
from maskdcpt.data.mix import TrainingData, clean_data, image_folders, training_data
from maskdcpt.data.samples import sample_photo
from maskdcpt.data.sources import (
    CachedImages,
    CentralCrops,
    CleanImages,
    EmbeddedImages,
    FolderImages,
    central_crop,
    clean_images,
)

__all__ = [
    "Batch",
    "CachedImages",
    "CentralCrops",
    "CleanImages",
    "DataConfig",
    "DegradedCrops",
    "EmbeddedImages",
    "Fault",
    "FolderImages",
    "SourceConfig",
    "TrainingData",
    "Version",
    "central_crop",
    "clean_data",
    "clean_images",
    "degrade_files",
    "image_folders",
    "sample_photo",
    "training_batches",
    "training_data",
]
