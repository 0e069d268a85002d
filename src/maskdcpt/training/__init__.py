"""Training runs: pre-training and fine-tuning, resumable at any moment."""

from maskdcpt.training.config import (
    FinetuneConfig,
    LossConfig,
    MaskConfig,
    PretrainConfig,
    RestorationLossConfig,
    TrainConfig,
)
from maskdcpt.training.finetune import finetune
from maskdcpt.training.pretrain import pretrain
from maskdcpt.training.run import read_metrics

__all__ = [
    "FinetuneConfig",
    "LossConfig",
    "MaskConfig",
    "PretrainConfig",
    "RestorationLossConfig",
    "TrainConfig",
    "finetune",
    "pretrain",
    "read_metrics",
]
