"""Training runs: pre-training and fine-tuning, resumable at any moment."""

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
    "FinetuneConfig",
    "MaskConfig",
    "PretrainConfig",
    "RestorationLossConfig",
    "TrainConfig",
    "finetune",
    "leads",
    "pretrain",
    "read_metrics",
]
