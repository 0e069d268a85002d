"""Teaching a network that restores to name damage, by statistics of its features.

The network is left as it is and sees each sample once; what it shows of it is kept, a few thousand numbers. On these a
small classifier learns in minutes, over many epochs. So the names of damage cost little beside training for
restoration, and can never change how a network restores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from maskdcpt.backbones import Backbone
from maskdcpt.config import configuration
from maskdcpt.data import DataConfig, training_batches, training_data
from maskdcpt.devices import find_device, move
from maskdcpt.errors import UserError, require
from maskdcpt.files import atomic_file, write_json
from maskdcpt.pretraining import RestorationModel, StatisticsClassifier, StatisticsConfig, classifier_features
from maskdcpt.pretraining.statistics import build_statistics
from maskdcpt.pretraining.weights import load_model
from maskdcpt.progress import progress_bar
from maskdcpt.seeds import derive_seed
from maskdcpt.training.checkpoint import newest_checkpoint, save_checkpoint
from maskdcpt.training.run import open_run

STATISTICS = "statistics"
"""Folder of what the network has shown, a file a part."""

PART = 200
"""Samples in a part: an interrupted run repeats at most as many."""

ACCURACY = "accuracy.json"
"""File that says how many of the samples kept aside are named rightly."""


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
    """Share of statistics, and of hidden values, that are left out in each step."""
    seed: int = 0
    """Decides samples, initial weights and order."""

    def __post_init__(self) -> None:
        require("fit.samples", self.samples, 10, 1e9)
        require("fit.aside", self.aside, 1e-3, 0.9)
        require("fit.batch", self.batch, 1, 1e6)
        require("fit.epochs", self.epochs, 1, 1e6)
        require("fit.lr", self.lr, 1e-30, 1e30)
        require("fit.weight_decay", self.weight_decay, 0, 1e30)
        require("fit.dropout", self.dropout, 0, 1, below=True)


@configuration
class ClassifierFitConfig:
    """Teaches weights that restore to name damage."""

    init: str | None = None
    """Folder of weights or of a run, or file of weights, whose features are read."""
    statistics: StatisticsConfig = StatisticsConfig()
    """The classifier."""
    data: DataConfig = DataConfig()
    """What is shown."""
    fit: FitConfig = FitConfig()
    """How it learns."""


class Shown(NamedTuple):
    """What a network has shown of samples."""

    statistics: Tensor
    """(N, C)."""
    label: Tensor
    """As ``Batch.label``."""


def fit_classifier(config: ClassifierFitConfig, folder: Path) -> Path:
    """Learns a classifier of the features of a network, or goes on with a run that was interrupted.

    Args:
        config: What to do.
        folder: Folder of the run.

    Returns:
        The folder of the weights: the network, unchanged, with the classifier.

    Raises:
        UserError: If the configuration, the weights, the data or the folder does not allow it.
    """
    if config.init is None:
        raise UserError("init: the weights are missing whose features are to be read; name a folder by --init")
    backbone, _ = load_model(config.init)
    multi_label = config.data.labels == "multi"
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed("classifier", config.fit.seed))
        classifier = build_statistics(backbone, config.data.classes, config.statistics, multi_label)
    data = training_data(config.data)
    with open_run(folder, config, data.names):
        found = newest_checkpoint(folder)
        if found is not None:
            return found
        shown = _show(config, folder, backbone.eval(), classifier)
        accuracy = _learn(classifier, shown, config.fit)
        write_json(folder / ACCURACY, {"samples": math.floor(len(shown.label) * config.fit.aside), **accuracy})
        return save_checkpoint(folder, config.fit.epochs, RestorationModel(backbone, classifier), {})


def _show(config: ClassifierFitConfig, folder: Path, backbone: Backbone, classifier: StatisticsClassifier) -> Shown:
    """What the network shows of all samples, from the parts that are there and those that are missing."""
    place = folder / STATISTICS
    place.mkdir(exist_ok=True)
    data = training_data(config.data)
    starts = range(0, config.fit.samples, PART)
    missing = [start for start in starts if not (place / f"{start:08d}.safetensors").is_file()]
    device = find_device("auto")
    move(backbone, device)
    classifier.to(device)
    numbers = [
        range(first, min(first + config.fit.batch, start + PART, config.fit.samples))
        for start in missing
        for first in range(start, min(start + PART, config.fit.samples), config.fit.batch)
    ]
    seed = derive_seed("classifier samples", config.fit.seed)
    done = config.fit.samples - sum(len(batch) for batch in numbers)
    with (
        progress_bar(total=config.fit.samples, done=done, title="showing", unit="image") as bar,
        closing(training_batches(data, config.data, batches=numbers, seed=seed)) as batches,
    ):
        kept: list[Shown] = []
        for batch, chosen in zip(batches, numbers, strict=True):
            for fault in batch.faults:
                bar.write(f"replaced: {fault.problem}")
            with torch.no_grad():
                x = batch.degraded.to(device, memory_format=torch.channels_last)
                features = backbone.forward_features(x, early=config.statistics.features == "all")
                read = classifier_features(features, backbone, config.statistics.features)
                kept.append(Shown(classifier.statistics(classifier.evidence(read)).cpu(), batch.label))
            bar.update(len(chosen))
            if chosen.stop % PART == 0 or chosen.stop == config.fit.samples:
                first = (chosen.stop - 1) // PART * PART
                with atomic_file(place / f"{first:08d}.safetensors") as temporary:
                    save_file(_joined(kept)._asdict(), temporary)
                kept = []
    classifier.cpu()
    backbone.cpu()
    return _joined([Shown(**load_file(place / f"{start:08d}.safetensors")) for start in starts])


def _joined(parts: list[Shown]) -> Shown:
    return Shown(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


def _learn(classifier: StatisticsClassifier, shown: Shown, config: FitConfig) -> dict[str, float]:
    """Teaches the classifier; returns the shares named rightly of samples learned from and of those kept aside."""
    aside = max(1, math.floor(len(shown.label) * config.aside))
    learned, tested = (Shown(*(field[part] for field in shown)) for part in (slice(aside, None), slice(aside)))
    classifier.standardise(learned.statistics)
    loss = _loss(classifier.multi_label)
    optimizer = torch.optim.AdamW(
        [*classifier.hidden.parameters(), *classifier.fc.parameters()], config.lr, weight_decay=config.weight_decay
    )
    size = min(64, len(learned.label))
    steps = config.epochs * (len(learned.label) // size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(derive_seed("classifier order", config.seed))
    with progress_bar(total=steps, title="learning", unit="step") as bar:
        while bar.n < steps:
            order = torch.randperm(len(learned.label), generator=generator)
            for chosen in order[: len(order) // size * size].reshape(-1, size):
                statistics = _thinned(learned.statistics[chosen], classifier.centre, config.dropout, generator)
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(loss(classifier.name_statistics(statistics), learned.label[chosen]))
                optimizer.step()
                schedule.step()
                bar.update()
    classifier.eval()
    with torch.no_grad():
        return {
            name: _right(classifier.name_statistics(part.statistics), part.label).float().mean().item()
            for name, part in (("learned", learned), ("aside", tested))
        }


def _thinned(statistics: Tensor, centre: Tensor, dropout: float, generator: torch.Generator) -> Tensor:
    """Statistics of which some say nothing: they have the value that is usual."""
    kept = torch.rand(statistics.shape, generator=generator) >= dropout
    return torch.where(kept, statistics, centre)


def _loss(multi_label: bool) -> Callable[[Tensor, Tensor], Tensor]:
    return F.binary_cross_entropy_with_logits if multi_label else F.cross_entropy


def _right(logits: Tensor, label: Tensor) -> Tensor:
    return ((logits > 0) == (label > 0)).all(1) if label.is_floating_point() else logits.argmax(1) == label
