"""A backbone and its classifier on disk: the backbone's folder with ``classifier.safetensors`` beside the weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from torch import nn

from maskdcpt.backbones import Backbone, load_backbone, save_backbone
from maskdcpt.backbones.weights import CONFIG, find_weights, is_single_file, load_tensors, read_config, save_tensors
from maskdcpt.config import from_dict, to_dict
from maskdcpt.errors import UserError, naming
from maskdcpt.pretraining.classifier import Classifier
from maskdcpt.pretraining.classify import ClassificationDecoder, ClassifierConfig
from maskdcpt.pretraining.features import classifier_channels
from maskdcpt.pretraining.statistics import StatisticsClassifier, StatisticsConfig, build_statistics
from maskdcpt.weights import find_named

CLASSIFIER = "classifier.safetensors"


def save_model(folder: Path, backbone: Backbone, classifier: Classifier | None) -> None:
    """Writes a backbone and, if there is one, its classifier into an existing folder."""
    if classifier is None:
        save_backbone(backbone, folder)
        return
    save_tensors(classifier, folder / CLASSIFIER)
    description = {
        "kind": classifier.kind,
        "classes": classifier.classes,
        "multi_label": classifier.multi_label,
        **to_dict(classifier.config),
    }
    save_backbone(backbone, folder, {"classifier": description})


def load_model(path: str | Path) -> tuple[Backbone, Classifier | None]:
    """Loads a backbone and its classifier (None if the folder has none), both in evaluation mode.

    Args:
        path: As for ``load_backbone``.

    Raises:
        UserError: If anything is missing, damaged or does not fit.
    """
    path = find_named(path)
    if is_single_file(path):
        return load_backbone(path), None
    folder = find_weights(path)
    backbone = load_backbone(folder)
    description = read_config(folder).get("classifier")
    if description is None:
        return backbone, None
    where = f"{folder / CONFIG}: classifier"
    if not isinstance(description, dict) or not isinstance(description.get("classes"), list):
        raise UserError(f"{where}: expected an object with a list of classes")
    classifier = _build(backbone, description, where)
    load_tensors(classifier, folder / CLASSIFIER)
    return backbone, classifier.eval()


def _build(backbone: Backbone, description: dict[str, Any], where: str) -> Classifier:
    classes, multi_label = description.pop("classes"), description.pop("multi_label", False) is True
    kind = description.pop("kind", ClassificationDecoder.kind)
    if kind == StatisticsClassifier.kind:
        return build_statistics(backbone, classes, from_dict(StatisticsConfig, description, where=where), multi_label)
    if kind != ClassificationDecoder.kind:
        known = f"{ClassificationDecoder.kind!r} and {StatisticsClassifier.kind!r}"
        raise UserError(f"{where}: kind is {kind!r}; {known} are known")
    config = from_dict(ClassifierConfig, description, where=where)
    with naming(where):
        channels = classifier_channels(backbone, config.features)
    return ClassificationDecoder(channels, classes, config, multi_label=multi_label)


def weights_sha256(backbone: Backbone, classifier: Classifier | None) -> str:
    """Hash of all weights of a network and its classifier, with their names, types and shapes."""
    digest = hashlib.sha256()
    for title, module in (("backbone", backbone), ("classifier", classifier)):
        if module is not None:
            digest.update(f"{title}\n".encode())
            _hash(digest, module)
    return digest.hexdigest()


def _hash(digest: hashlib._Hash, module: nn.Module) -> None:
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().numpy().tobytes())
