"""What names damage: the interface of all classifiers, which those that work on tiles hold on to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from maskdcpt.masking import View, VisibleMask, view_of
from maskdcpt.pretraining.features import FeatureChoice


class _Reading(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def features(self) -> FeatureChoice:
        """Which stages of the backbone are read."""


class Classifier(nn.Module, ABC):
    """From the features of a backbone to one logit per type of damage, in two halves.

    ``positions`` finds what each part of an image says, ``name`` makes logits of the mean over the image. So an image
    may be looked at part by part.

    Args:
        classes: Names of the types, in the order of the logits.
        config: Its settings, which say what it reads.
        multi_label: Whether an image may be damaged in several of these ways at once, so that each logit stands alone.
    """

    kind: ClassVar[str]
    """What it is called in ``config.json``."""
    fc: nn.Linear
    """Its last layer."""

    def __init__(self, classes: Sequence[str], config: _Reading, *, multi_label: bool = False) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.multi_label = multi_label
        self.config = config

    @property
    @abstractmethod
    def unit(self) -> int:
        """Positions of the finest feature on a side of what one position of ``positions`` stands for."""

    @property
    @abstractmethod
    def reach(self) -> int:
        """Positions of the finest feature around a position that what it says depends on."""

    @abstractmethod
    def positions(self, features: Sequence[Tensor], view: View) -> Tensor:
        """What each position at the lowest resolution says of the damage, (N, C, h, w) in the view.

        Args:
            features: What ``classifier_features`` takes from the backbone.
            view: How the layers see them.
        """

    @abstractmethod
    def name(self, evidence: Tensor) -> Tensor:
        """From what the positions say on average (N, C) to logits (N, classes)."""

    def forward(self, features: Sequence[Tensor], mask: VisibleMask | None = None) -> Tensor:
        """Classifies.

        Args:
            features: What ``classifier_features`` takes from the backbone.
            mask: The mask under which they were computed.

        Returns:
            Logits (N, classes).

        Raises:
            UserError: If the mask does not fit the features, or its patches would be cut.
        """
        return self.name(self.evidence(features, mask))

    def evidence(self, features: Sequence[Tensor], mask: VisibleMask | None = None) -> Tensor:
        """What the positions of each image say on average (N, C)."""
        view = view_of(mask)
        return view.mean(self.positions(features, view)).flatten(1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """From logits (N, classes) to how likely each type of damage is; they sum to 1 unless several may be there."""
        return logits.sigmoid() if self.multi_label else logits.softmax(1)
