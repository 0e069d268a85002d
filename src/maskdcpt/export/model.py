"""Exporting weights: one graph, one file, and the proof that it computes the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from maskdcpt import __version__
from maskdcpt.backbones import Backbone
from maskdcpt.backbones.card import card_licence
from maskdcpt.backbones.hub import locate_weights
from maskdcpt.backbones.weights import find_weights, is_single_file
from maskdcpt.config import to_dict
from maskdcpt.errors import UserError, naming
from maskdcpt.export.formats import FORMATS, Format, FormatName, format_for
from maskdcpt.export.graph import trace
from maskdcpt.export.parity import Outputs, Parity, compare, parity_sizes
from maskdcpt.files import atomic_file
from maskdcpt.inference.description import Description
from maskdcpt.inference.tiling import outline
from maskdcpt.pretraining import Classifier, classifier_features, load_model
from maskdcpt.pretraining.weights import weights_sha256

Model: TypeAlias = tuple[Backbone, Classifier | None]
"""Weights: a network, and its classifier where there is one."""


@dataclass(frozen=True)
class Export:
    """What was exported."""

    paths: tuple[Path, ...]
    """The files; the first is the one to load."""
    kind: FormatName
    """Their format."""
    description: Description
    """What they say of the network."""
    parity: tuple[Parity, ...]
    """How near they are to the network, by batch."""


def export_model(
    weights: str | Path, target: Path, kind: FormatName | None = None, *, force: bool = False, seed: int = 0
) -> Export:
    """Writes weights as a file that other runtimes load, whole or not at all.

    The file is loaded again and compared with the network on pictures of random sizes before it takes its name.

    Args:
        weights: As for ``maskdcpt.Restorer.from_pretrained``.
        target: The file; its folder is made where missing.
        kind: Its format; without it the one of the suffix.
        force: Whether to replace a file that exists.
        seed: Decides about the sizes and pictures that are compared.

    Raises:
        UserError: If weights are missing or damaged, the file exists and ``force`` is not set, its suffix does not fit,
            an optional package is missing, or what was exported does not compute the same.
        OSError: If the file cannot be written.
    """
    kind = format_for(target, kind)
    details = FORMATS[kind]
    paths = (target, *([target.with_suffix(details.beside)] if details.beside else []))
    for path in paths:
        if path.is_dir() or (path.exists() and not force):
            raise UserError(
                f"{path}: exists already; --force replaces files" if path.is_file() else f"{path}: a folder"
            )
    details.require()
    place = locate_weights(weights)
    backbone, classifier = load_model(place)
    description = describe(backbone, classifier, licence_of(place))
    target.parent.mkdir(parents=True, exist_ok=True)
    program = trace(backbone, classifier)
    with _new_files(target, details) as temporary, naming(weights):
        details.write(program, description, temporary)
        sizes = parity_sizes(backbone.stride, details.smallest(backbone.stride), seed)
        run = details.load(temporary, description)
        parity = compare(lambda batch: run_model(backbone, classifier, batch), run, sizes, seed)
    return Export(paths, kind, description, parity)


def describe(backbone: Backbone, classifier: Classifier | None, licence: str | None) -> Description:
    """What an exported file says of a network.

    Args:
        backbone: The network.
        classifier: Its classifier, if it has one.
        licence: Licence of the weights, if one is known.
    """
    known = outline(backbone)
    return Description(
        family=backbone.config.name,
        backbone=to_dict(backbone.config),
        types=classifier.classes if classifier is not None else (),
        multi_label=classifier is not None and classifier.multi_label,
        stride=backbone.stride,
        reach=known.whole_reach,
        values=round(known.fused(), 1),
        whole_image=known.sums,
        sha256=weights_sha256(backbone, classifier),
        licence=licence,
        version=__version__,
    )


def licence_of(place: Path) -> str | None:
    """The licence that the model card beside weights states, None without one.

    Raises:
        UserError: If the card cannot be read.
    """
    return None if is_single_file(place) else card_licence(find_weights(place))


@contextmanager
def _new_files(target: Path, details: Format) -> Iterator[Path]:
    if details.beside is None:
        with atomic_file(target) as temporary:
            yield temporary
        return
    with atomic_file(target) as temporary, atomic_file(target.with_suffix(details.beside)) as second:
        written = temporary.with_suffix(details.beside)
        try:
            yield temporary
            written.replace(second)
            # The second file takes its name first, and must not be found together with an older first one.
            target.unlink(missing_ok=True)
        finally:
            written.unlink(missing_ok=True)


def run_model(backbone: Backbone, classifier: Classifier | None, batch: Tensor) -> Outputs:
    """What weights make of a batch (N, 3, H, W): restored images and, with a classifier, probabilities (N, classes)."""
    with torch.inference_mode():
        if classifier is None:
            return (backbone(batch),)
        features = backbone.forward_features(batch, early=classifier.config.features == "all")
        logits = classifier(classifier_features(features, backbone, classifier.config.features))
        return backbone.forward_head(features, batch), classifier.probabilities(logits.double())
