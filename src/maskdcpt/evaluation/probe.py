"""How much of the type of damage can be told from a network's features by classifiers that learn next to nothing.

MaskDCPT (arXiv 2510.13282, figure 2 and table X) asks nearest neighbours on features of real degraded images: five
classes, each from a data set of its own. Here every class is made from the same clean images, so that what they show
is no help, and an image that was learnt from is never asked about in another class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from maskdcpt.backbones import Backbone
from maskdcpt.data import CleanImages
from maskdcpt.errors import UserError, naming
from maskdcpt.evaluation.classifiers import (
    embed,
    linear_standardised,
    nearest_by_distance,
    nearest_standardised,
    standardise,
)
from maskdcpt.evaluation.features import KINDS, Indices, Kind, Numbers, Reading, read, squared_distances
from maskdcpt.evaluation.probe_samples import ProbeProtocol, Samples, divide, draw_visible, make_samples
from maskdcpt.progress import progress_bar


class Probe(NamedTuple):
    """One classifier on one kind of features."""

    classifier: str
    """``knn`` (nearest neighbours) or ``linear`` (multinomial logistic regression)."""
    features: Kind
    """What it reads."""


PROBES = (Probe("knn", "last"), Probe("knn", "pooled"), Probe("linear", "pooled"))
"""The first is that of the paper. Logistic regression on the last features would have a thousand times more weights
than it has samples."""


@dataclass(frozen=True)
class ProbeRow:
    """One classifier on one division of the samples."""

    weights: str
    """Which network."""
    mask_ratio: float
    """Share of the patches that are hidden."""
    classifier: str
    """``knn`` or ``linear``."""
    features: str
    """``last`` or ``pooled``."""
    seed: int
    """Of the division."""
    accuracy: float
    """Share of the images asked about that are named rightly."""


class Score(NamedTuple):
    """What one classifier made of one network's features, over all divisions."""

    accuracies: tuple[float, ...]
    """One for each seed of the protocol."""
    confusion: Indices
    """How often samples of each type (down) were named each type (across), summed over the divisions."""

    @property
    def mean(self) -> float:
        """Mean of the accuracies."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Standard deviation of the accuracies, with one division less in the denominator."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0


class Probed(NamedTuple):
    """One network at one mask ratio."""

    weights: str
    """Which network."""
    mask_ratio: float
    """Share of the patches that are hidden."""
    scores: dict[Probe, Score]
    """What each classifier made of it."""
    positions: Numbers | None
    """The samples laid out in a plane by their features (N, 2), for the first ratio alone."""


def probe(
    protocol: ProbeProtocol,
    networks: Mapping[str, Backbone],
    clean: CleanImages,
    *,
    ratios: tuple[float, ...] = (0.0,),
    patch: int = 16,
    kinds: tuple[Kind, ...] = KINDS,
    device: torch.device,
) -> tuple[Samples, list[Probed]]:
    """Probes networks at mask ratios.

    Args:
        protocol: What is asked.
        networks: Name to network.
        clean: Clean images that the networks have not been trained on.
        ratios: Shares of the patches to hide, each only once.
        patch: Side of a patch in pixels.
        kinds: Features to read.
        device: Where networks compute.

    Returns:
        The samples, and what was found for each network and ratio in turn.

    Raises:
        UserError: If masks do not fit crop or network, or there are too few images.
    """
    if not kinds or not ratios or len(set(kinds)) < len(kinds) or len(set(ratios)) < len(ratios):
        raise UserError("one kind of features and one mask ratio or more are needed, each only once")
    masks = {ratio: draw_visible(protocol, ratio, patch) for ratio in ratios}
    for name, network in networks.items():
        if any(mask is not None for mask in masks.values()) and patch % network.stride:
            raise UserError(f"{name}: patch is {patch}; it is a multiple of {network.stride}, the network's stride")
    samples = make_samples(protocol, clean)
    found = []
    total = len(networks) * len(ratios) * len(samples.images)
    with progress_bar(total=total, title="probing", unit="image") as bar:
        for name, network in networks.items():
            for ratio, visible in masks.items():
                with naming(name):
                    reading = read(network, samples.images, visible, kinds, device, bar.update)
                positions = _positions(reading) if ratio == ratios[0] else None
                found.append(Probed(name, ratio, dict(_scores(protocol, samples, reading)), positions))
            network.cpu()
    return samples, found


def _scores(protocol: ProbeProtocol, samples: Samples, reading: Reading) -> Iterator[tuple[Probe, Score]]:
    divisions = [divide(protocol, samples, seed) for seed in protocol.seeds]
    for each in PROBES:
        if getattr(reading, each.features) is None:
            continue
        accuracies, confusion = [], np.zeros((len(protocol.types), len(protocol.types)), dtype=np.int64)
        for train, test in divisions:
            named = _name(each, protocol, samples.labels, reading, train, test)
            accuracies.append(float(np.mean(named == samples.labels[test])))
            np.add.at(confusion, (samples.labels[test], named), 1)
        yield each, Score(tuple(accuracies), confusion)


def _name(
    each: Probe, protocol: ProbeProtocol, labels: Indices, reading: Reading, train: Indices, test: Indices
) -> Indices:
    if each.features == "last":
        assert reading.last is not None
        return nearest_by_distance(reading.last, labels, train, test, protocol.neighbours)
    assert reading.pooled is not None
    if each.classifier == "knn":
        return nearest_standardised(reading.pooled, labels, train, test, protocol.neighbours)
    return linear_standardised(reading.pooled, labels, train, test)


def _positions(reading: Reading) -> Numbers:
    if reading.pooled is not None:
        return embed(squared_distances(torch.from_numpy(standardise(reading.pooled))))
    assert reading.last is not None
    return embed(reading.last)


def probe_rows(protocol: ProbeProtocol, found: list[Probed]) -> list[ProbeRow]:
    """What was found, a row for each network, ratio, classifier and division."""
    return [
        ProbeRow(result.weights, result.mask_ratio, each.classifier, each.features, seed, accuracy)
        for result in found
        for each, score in result.scores.items()
        for seed, accuracy in zip(protocol.seeds, score.accuracies, strict=True)
    ]
