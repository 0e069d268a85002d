"""What a network shows of damaged images: statistics of its features, kept on the disk part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from maskdcpt.backbones import Backbone
from maskdcpt.data import Batch, TrainingData, training_batches
from maskdcpt.devices import move
from maskdcpt.errors import UserError
from maskdcpt.files import remove_unfinished, resume_rows, write_whole
from maskdcpt.pretraining import StatisticsClassifier, classifier_features
from maskdcpt.pretraining.weights import weights_sha256
from maskdcpt.progress import progress_bar, say_above_bar
from maskdcpt.seeds import derive_seed
from maskdcpt.signals import StopRequest
from maskdcpt.training.classifier_config import ClassifierFitConfig
from maskdcpt.training.run import QUARANTINE, record_faults

STATISTICS = "statistics"
"""Folder of the parts in that of a run."""

PART = 200
"""Samples in a part: an interrupted run repeats at most as many."""


class Shown(NamedTuple):
    """What a network has shown of samples."""

    statistics: Tensor
    """(N, C)."""
    label: Tensor
    """As ``Batch.label``."""

    def part(self, start: int, stop: int | None = None) -> Shown:
        """Samples ``start`` to ``stop``, without the latter."""
        return Shown(*(field[start:stop] for field in self))


def show(
    config: ClassifierFitConfig,
    folder: Path,
    data: TrainingData,
    backbone: Backbone,
    classifier: StatisticsClassifier,
    device: torch.device,
    stop: StopRequest,
) -> Shown:
    """What the network shows of all samples, from the parts that are there and those that are missing.

    Args:
        config: What is shown.
        folder: Folder of the run.
        data: Where samples come from.
        backbone: The network, in evaluation mode.
        classifier: Says which statistics.
        device: Where the network is run.
        stop: Ends this between two batches.

    Raises:
        UserError: If parts are of other weights, images cannot be read, or the network's features are not finite.
        StopAsked: If the process was asked to stop; the parts that are whole are kept.
    """
    place = folder / STATISTICS
    place.mkdir(exist_ok=True)
    remove_unfinished(place)
    weights = weights_sha256(backbone, None)
    parts = [range(start, min(start + PART, config.fit.samples)) for start in range(0, config.fit.samples, PART)]
    paths = {part: place / f"{part.start:08d}.safetensors" for part in parts}
    found = {part: whole for part in parts if (whole := _read(paths[part], weights)) is not None}
    missing = [part for part in parts if part not in found]
    batches = [
        range(first, min(first + config.fit.batch, part.stop)) for part in parts for first in part[:: config.fit.batch]
    ]
    steps = {step: batch for step, batch in enumerate(batches, 1) if parts[batch.start // PART] not in found}
    resume_rows(folder / QUARANTINE, lambda row: parts[row["index"] // PART] in found)
    seed = derive_seed("classifier samples", config.fit.seed)
    move(backbone, device)
    classifier.to(device)
    done = sum(map(len, found))
    with (
        progress_bar(total=config.fit.samples, done=done, title="showing", unit="image") as bar,
        closing(training_batches(data, config.data, batches=list(steps.values()), seed=seed)) as made,
    ):

        def statistics() -> Iterator[Shown]:
            for step in steps:
                with stop.interrupting():
                    batch = next(made)
                record_faults(folder, step, batch.faults)
                for fault in batch.faults:
                    say_above_bar(f"replaced: {fault.problem}")
                yield _look(batch, backbone, classifier, device)
                bar.update(len(batch.label))

        each = statistics()
        for part in missing:
            found[part] = _joined(list(islice(each, -(-len(part) // config.fit.batch))))
            if not found[part].statistics.isfinite().all():
                raise UserError(
                    f"{config.init}: features of this network are not finite, and nothing is learned of them"
                )
            _write(paths[part], found[part], weights)
    classifier.cpu()
    backbone.cpu()
    return _joined([found[part] for part in parts])


@torch.no_grad()
def _look(batch: Batch, backbone: Backbone, classifier: StatisticsClassifier, device: torch.device) -> Shown:
    x = batch.degraded.to(device, memory_format=torch.channels_last)
    choice = classifier.config.features
    features = backbone.forward_features(x, early=choice == "all")
    read = classifier_features(features, backbone, choice)
    return Shown(classifier.statistics(classifier.evidence(read)).cpu(), batch.label)


def _write(path: Path, shown: Shown, weights: str) -> None:
    facts = {"weights": weights, "sha256": _sha256(shown)}
    write_whole(path, safetensors.torch.save(shown._asdict(), facts))


def _read(path: Path, weights: str) -> Shown | None:
    """A part; None if it is missing, or damaged, which is told."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
            shown = Shown(*(file.get_tensor(name) for name in Shown._fields))
        whole = facts.get("sha256") == _sha256(shown)
    except SafetensorError:
        whole = False
    if not whole:
        say_above_bar(f"{path}: is damaged; its images are shown again")
        return None
    if facts.get("weights") != weights:
        raise UserError(
            f"{path.parent}: was read from other weights than --init now names; put them back, or use another --run-dir"
        )
    return shown


def _sha256(shown: Shown) -> str:
    return hashlib.sha256(b"".join(field.numpy().tobytes() for field in shown)).hexdigest()


def _joined(parts: Sequence[Shown]) -> Shown:
    return Shown(*(torch.cat(fields) for fields in zip(*parts, strict=True)))
