"""Masked degradation classification pre-training: a backbone, two decoders and the loss that joins them."""

from maskdcpt.pretraining.classify import ClassificationDecoder, ClassifierConfig
from maskdcpt.pretraining.losses import focal_loss, psnr_loss
from maskdcpt.pretraining.model import Outputs, PretrainingModel, RestorationModel
from maskdcpt.pretraining.weights import load_model, save_model

__all__ = [
    "ClassificationDecoder",
    "ClassifierConfig",
    "Outputs",
    "PretrainingModel",
    "RestorationModel",
    "focal_loss",
    "load_model",
    "psnr_loss",
    "save_model",
]
