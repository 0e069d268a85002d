"""What learning a classifier of statistics is made of, as ``config.py`` for training."""

from __future__ import annotations

import math

from maskdcpt.config import configuration
from maskdcpt.data import DataConfig
from maskdcpt.errors import UserError, require
from maskdcpt.pretraining import StatisticsConfig
from maskdcpt.training.config import DeviceName


@configuration
class FitConfig:
    """How a classifier of statistics is learned."""

    samples: int = 20_000
    """Images that the network is shown."""
    aside: float = 0.1
    """Share of them that is kept aside to measure on; their scenes are learned from too, in other crops and damage."""
    batch: int = 8
    """Images that it is shown at once."""
    epochs: int = 60
    """Times that the classifier sees each of them."""
    lr: float = 1e-3
    """Peak learning rate; it ends at zero, along a cosine."""
    weight_decay: float = 0.05
    """AdamW's decoupled weight decay."""
    dropout: float = 0.3
    """Share of statistics that have their usual value instead in each step."""
    seed: int = 0
    """Decides samples, initial weights and order."""
    device: DeviceName = "auto"
    """Where the network is run; ``auto`` is CUDA where present, else the CPU. The classifier is learned on the CPU."""

    def __post_init__(self) -> None:
        require("fit.samples", self.samples, 10, 1e9)
        require("fit.aside", self.aside, 1e-3, 0.9)
        require("fit.batch", self.batch, 1, 1e6)
        require("fit.epochs", self.epochs, 1, 1e6)
        require("fit.lr", self.lr, 1e-30, 1e30)
        require("fit.weight_decay", self.weight_decay, 0, 1e30)
        require("fit.dropout", self.dropout, 0, 1, below=True)
        if self.samples - self.kept_aside < 2:
            raise UserError(f"fit.aside is {self.aside:g}, which leaves fewer than two of {self.samples} samples")

    @property
    def kept_aside(self) -> int:
        """Samples that are kept aside, one at least."""
        return max(1, math.floor(self.samples * self.aside))


@configuration
class ClassifierFitConfig:
    """Teaches weights that restore to name damage."""

    init: str | None = None
    """Folder of weights or of a run, or file of weights, whose features are read, or ``default`` for the weights of
    the package."""
    statistics: StatisticsConfig = StatisticsConfig()
    """The classifier."""
    data: DataConfig = DataConfig()
    """What is shown."""
    fit: FitConfig = FitConfig()
    """How it learns."""
