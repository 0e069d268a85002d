"""What computes: a network of this library run by torch, or an exported one run elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from maskdcpt.backbones import Backbone
from maskdcpt.config import to_dict
from maskdcpt.inference.evidence import parts
from maskdcpt.inference.exported import ExportedNetwork
from maskdcpt.inference.tiling import Outcome, Outline, Plan, Tick, outline, run_alone, run_tiled, tile_unit
from maskdcpt.pretraining import Classifier, classifier_features
from maskdcpt.pretraining.weights import weights_sha256

RUNTIMES_HOLD = 2
"""Times the memory that torch takes for a network, as a bound for what other runtimes take."""


class Answer(NamedTuple):
    """What a network makes of an image."""

    restored: Tensor
    """(1, 3, H, W), float32 in the memory of the machine, not clamped."""
    logits: Tensor | None
    """Of the types of damage, (1, K), if they were asked for."""


class Engine(Protocol):
    """A network as restoring needs it; threads may share it."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    @property
    def stride(self) -> int:
        """What sides are padded to multiples of, in pixels."""

    @property
    def align(self) -> int:
        """Multiple of pixels on which edges between tiles lie."""

    @property
    def outline(self) -> Outline:
        """What it tells of its parts; an empty one if it tells nothing."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The types of damage that it names, in the order of its logits; none without a classifier."""

    def whole(self, image: Tensor, classify: bool) -> Answer:
        """Restores an image (1, 3, H, W) in one piece."""

    def tiled(self, image: Tensor, plan: Plan, classify: bool, tick: Tick) -> tuple[Answer, int]:
        """Restores an image whose sides are multiples of the stride in tiles; tells how often they were halved."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """From logits (1, K) to the probabilities of the types."""

    def describe(self) -> dict[str, Any]:
        """What results depend on, as plain values."""


class TorchEngine:
    """A network of this library.

    Args:
        backbone: The network, on its device and in evaluation mode.
        classifier: Names the damage.
        device: Where both are.
        compile: Whether to compile the network for images that are restored whole.
    """

    def __init__(
        self,
        backbone: Backbone,
        classifier: Classifier | None,
        device: torch.device,
        compile: bool = False,  # noqa: A002  torch's own name
    ) -> None:
        self._backbone, self._classifier = backbone, classifier
        self._run = torch.compile(backbone) if compile else backbone
        self.device = device
        self.stride = backbone.stride
        self.align = tile_unit(backbone, classifier)
        self.outline = outline(backbone)
        self.classes = () if classifier is None else tuple(classifier.classes)

    def whole(self, image: Tensor, classify: bool) -> Answer:
        """See the protocol."""
        x = image.to(self.device, memory_format=torch.channels_last)
        if not classify:
            return Answer(self._run(x).float().cpu(), None)
        classifier = self._named()
        features = self._backbone.forward_features(x, early=classifier.config.features == "all")
        logits = classifier(classifier_features(features, self._backbone, classifier.config.features))
        return Answer(self._backbone.forward_head(features, x).float().cpu(), logits.float().cpu())

    def tiled(self, image: Tensor, plan: Plan, classify: bool, tick: Tick) -> tuple[Answer, int]:
        """See the protocol."""
        outcome = run_tiled(self._backbone, image, plan, self.device, self._named() if classify else None, tick)
        return _answer(outcome), outcome.halvings

    def probabilities(self, logits: Tensor) -> Tensor:
        """See the protocol."""
        probabilities: Tensor = self._named().probabilities(logits)
        return probabilities

    def describe(self) -> dict[str, Any]:
        """See the protocol."""
        sha256 = weights_sha256(self._backbone, self._classifier)
        return {"runtime": "torch", "backbone": to_dict(self._backbone.config), "weights": sha256}

    def _named(self) -> Classifier:
        assert self._classifier is not None, "only networks with a classifier are asked for classes"
        return self._classifier


class ExportedEngine:
    """An exported network; its tiles know nothing of one another.

    Args:
        network: The network.
    """

    def __init__(self, network: ExportedNetwork) -> None:
        self._network = network
        self.device = network.device
        self.stride = self.align = network.stride
        self.outline = Outline(values=RUNTIMES_HOLD * network.description.values)
        self.classes = network.types

    def whole(self, image: Tensor, classify: bool) -> Answer:
        """See the protocol."""
        return Answer(self._network(image), self._network.logits(image) if classify else None)

    def tiled(self, image: Tensor, plan: Plan, classify: bool, tick: Tick) -> tuple[Answer, int]:
        """See the protocol; types are named from a few parts of the image."""
        outcome = run_alone(self._network, image, plan, self.align, tick)
        logits = [self._network.logits(part[None].contiguous()) for part in parts(image[0])] if classify else []
        return Answer(outcome.restored, torch.stack(logits).mean(0) if logits else None), outcome.halvings

    def probabilities(self, logits: Tensor) -> Tensor:
        """See the protocol."""
        return logits.sigmoid() if self._network.description.multi_label else logits.softmax(1)

    def describe(self) -> dict[str, Any]:
        """See the protocol."""
        description = self._network.description
        runtime = type(self._network).__name__
        return {"runtime": runtime, "backbone": description.backbone, "weights": description.sha256}


def _answer(outcome: Outcome) -> Answer:
    return Answer(outcome.restored, None if outcome.logits is None else outcome.logits.float().cpu())
