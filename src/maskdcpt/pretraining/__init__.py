"""Masked degradation classification pre-training: a backbone, two decoders and the loss that joins them."""

from maskdcpt.pretraining.classifier import Classifier
from maskdcpt.pretraining.classify import ClassificationDecoder, ClassifierConfig
from maskdcpt.pretraining.features import FeatureChoice, classifier_channels, classifier_features
from maskdcpt.pretraining.losses import PixelChoice, focal_loss, multi_label_focal_loss, pixel_l1, psnr_loss
from maskdcpt.pretraining.method import METHODS, Method, MethodName
from maskdcpt.pretraining.model import Outputs, PretrainingModel, RestorationModel
from maskdcpt.pretraining.objective import LossConfig, classification_terms, pretraining_loss
from maskdcpt.pretraining.reconstruct import ReconstructionConfig, ReconstructionDecoder
from maskdcpt.pretraining.statistics import StatisticsClassifier, StatisticsConfig
from maskdcpt.pretraining.weights import load_model, save_model

__all__ = [
    "METHODS",
    "ClassificationDecoder",
    "Classifier",
    "ClassifierConfig",
    "FeatureChoice",
    "LossConfig",
    "Method",
    "MethodName",
    "Outputs",
    "PixelChoice",
    "PretrainingModel",
    "ReconstructionConfig",
    "ReconstructionDecoder",
    "RestorationModel",
    "StatisticsClassifier",
    "StatisticsConfig",
    "classification_terms",
    "classifier_channels",
    "classifier_features",
    "focal_loss",
    "load_model",
    "multi_label_focal_loss",
    "pixel_l1",
    "pretraining_loss",
    "psnr_loss",
    "save_model",
]
