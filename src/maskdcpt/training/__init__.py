"""Training runs: pre-training and fine-tuning, resumable at any moment."""

from maskdcpt.training.classifier import fit_classifier
from maskdcpt.training.classifier_config import ClassifierFitConfig, FitConfig
from maskdcpt.training.config import (
    FinetuneConfig,
    MaskConfig,
    PretrainConfig,
    RestorationLossConfig,
    TrainConfig,
)
from maskdcpt.training.engine import leads
from maskdcpt.training.finetune import finetune
from maskdcpt.training.pretrain import pretrain
from maskdcpt.training.run import read_metrics

__all__ = [
    "ClassifierFitConfig",
    "FinetuneConfig",
    "FitConfig",
    "MaskConfig",
    "PretrainConfig",
    "RestorationLossConfig",
    "TrainConfig",
    "finetune",
    "fit_classifier",
    "leads",
    "pretrain",
    "read_metrics",
]
