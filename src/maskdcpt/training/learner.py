"""How a classifier learns from statistics that were kept: over many epochs, resumable after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from maskdcpt.pretraining import StatisticsClassifier, classification_terms
from maskdcpt.progress import progress_bar
from maskdcpt.seeds import derive_seed
from maskdcpt.training.classifier_config import FitConfig
from maskdcpt.training.shown import Shown

BATCH = 64
"""Samples in a step, if there are as many."""


class Learner:
    """Teaches a classifier of statistics.

    Args:
        classifier: With its initial weights.
        config: How it learns.
    """

    def __init__(self, classifier: StatisticsClassifier, config: FitConfig) -> None:
        self.classifier = classifier
        self.epoch = 0
        """Epochs done."""
        self._config = config
        self._size = min(BATCH, config.samples - config.kept_aside)
        self._each = (config.samples - config.kept_aside) // self._size
        layers = [*classifier.hidden.parameters(), *classifier.fc.parameters()]
        self._optimizer = torch.optim.AdamW(layers, config.lr, weight_decay=config.weight_decay)
        steps = config.epochs * self._each
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self._optimizer, steps)
        self._generator = torch.Generator().manual_seed(derive_seed("classifier order", config.seed))
        self._loss = _loss(classifier.multi_label)

    @property
    def done(self) -> bool:
        """Whether it has learned all epochs."""
        return self.epoch == self._config.epochs

    def learn(self, shown: Shown) -> Iterator[int]:
        """Takes the epochs that are still to do; gives the number of each when it is done.

        Args:
            shown: What is learned from.
        """
        self.classifier.train()
        self.classifier.standardise(shown.statistics)
        total, done = self._config.epochs * self._each, self.epoch * self._each
        with progress_bar(total=total, done=done, title="learning", unit="step") as bar:
            while not self.done:
                order = torch.randperm(len(shown.label), generator=self._generator)
                for chosen in order[: self._each * self._size].reshape(-1, self._size):
                    self._step(shown.statistics[chosen], shown.label[chosen])
                    bar.update()
                self.epoch += 1
                yield self.epoch

    def state(self) -> dict[str, Any]:
        """All that learning goes on from."""
        return {
            "epoch": self.epoch,
            "classifier": self.classifier.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "generator": self._generator.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Takes up the state of a run that was interrupted."""
        self.epoch = state["epoch"]
        self.classifier.load_state_dict(state["classifier"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._generator.set_state(state["generator"])

    def _step(self, statistics: Tensor, label: Tensor) -> None:
        thinned = _thinned(statistics, self.classifier.centre, self._config.dropout, self._generator)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self._loss(self.classifier.name_statistics(thinned), label))
        self._optimizer.step()
        self._schedule.step()


@torch.no_grad()
def share_named(classifier: StatisticsClassifier, shown: Shown) -> float:
    """Share of samples that a classifier names rightly; of several types at once, all of them."""
    logits = classifier.eval().name_statistics(shown.statistics)
    return classification_terms(logits, shown.label)["accuracy"].item()


def _thinned(statistics: Tensor, centre: Tensor, dropout: float, generator: torch.Generator) -> Tensor:
    """Statistics of which some say nothing: they have the value that is usual."""
    kept = torch.rand(statistics.shape, generator=generator) >= dropout
    return torch.where(kept, statistics, centre)


def _loss(multi_label: bool) -> Callable[[Tensor, Tensor], Tensor]:
    return F.binary_cross_entropy_with_logits if multi_label else F.cross_entropy
