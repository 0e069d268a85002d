"""A network on an image in tiles, by a plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from maskdcpt.backbones import Backbone, Features
from maskdcpt.inference.tiling.ledger import Sums
from maskdcpt.inference.tiling.outline import HEAD_REACH
from maskdcpt.inference.tiling.plan import Manner, Plan
from maskdcpt.inference.tiling.sweep import Tick, Tiler, no_tick
from maskdcpt.inference.tiling.views import CanvasView, TileView
from maskdcpt.masking import View
from maskdcpt.pretraining import Classifier, classifier_features


@dataclass(frozen=True)
class Outcome:
    """What became of an image."""

    restored: Tensor
    """(1, 3, H, W), in the memory of the machine, not clamped."""
    logits: Tensor | None
    """(1, classes), where they were asked for."""
    halvings: int
    """How often tiles were halved because memory ran out."""


def run_tiled(
    backbone: Backbone,
    x: Tensor,
    plan: Plan,
    place: torch.device,
    classifier: Classifier | None = None,
    tick: Tick = no_tick,
) -> Outcome:
    """Restores an image in tiles.

    Args:
        backbone: The network, on the device that computes.
        x: The image (1, 3, H, W) in the memory of the machine, sides multiples of the network's stride.
        plan: How; any but in one piece.
        place: The device.
        classifier: Names the damage, if it is given.
        tick: As for ``Tiler``.
    """
    align = tile_unit(backbone, classifier)
    size = (x.shape[-2], x.shape[-1])
    tiler = Tiler(size, align, place, plan.side, plan.values, plan.room, tick)
    whole = CanvasView(tiler)
    evidence = None if classifier is None else _Evidence(backbone, classifier)

    if plan.manner is Manner.PARTS:
        features = backbone.encode(x, whole, early=evidence is not None and evidence.early)
        restored = whole.part(_head(backbone), features.last, x, reach=HEAD_REACH)
        if evidence is not None:
            evidence.read_canvases(features, tiler, plan)
    else:
        swept = tiler.sweep(
            _program(backbone, evidence),
            [x],
            plan.side,
            plan.margin,
            feather=plan.feather,
            below=(plan.below, whole) if plan.below else None,
        )
        if swept is None:
            raise RuntimeError("the network has no result")
        restored = swept
    return Outcome(restored, None if evidence is None else evidence.logits(place), tiler.halvings)


def run_alone(run: Callable[[Tensor], Tensor], x: Tensor, plan: Plan, align: int, tick: Tick = no_tick) -> Outcome:
    """Restores an image in tiles that know nothing of one another, as a network without views can.

    Args:
        run: From a batch (N, 3, h, w) in the memory of the machine to the same, restored.
        x: As for ``run_tiled``.
        plan: As for ``run_tiled``, with tiles that stand alone.
        align: Multiple of pixels on which edges between tiles lie.
        tick: As for ``Tiler``.
    """
    tiler = Tiler((x.shape[-2], x.shape[-1]), align, torch.device("cpu"), plan.side, 0, plan.room, tick)
    restored = tiler.sweep(lambda tiles, _: run(tiles), [x], plan.side, plan.margin, feather=plan.feather)
    if restored is None:
        raise RuntimeError("the network has no result")
    return Outcome(restored, None, tiler.halvings)


def tile_unit(backbone: Backbone, classifier: Classifier | None = None) -> int:
    """Multiple of pixels on which edges between tiles lie, so that no deepest position is cut."""
    if classifier is None:
        return backbone.stride
    return max(backbone.stride, classifier.unit)


def _head(backbone: Backbone) -> Callable[[Tensor, Tensor, View], Tensor]:
    return lambda last, x, _: backbone.forward_head(Features([], last), x)


def _program(backbone: Backbone, evidence: _Evidence | None) -> Callable[[Tensor, TileView], Tensor]:
    def restore(x: Tensor, view: TileView) -> Tensor:
        features = backbone.encode(x, view, early=evidence is not None and evidence.early)
        restored = backbone.forward_head(features, x)
        if evidence is not None:  # last, so that a tile for which memory runs out before is not counted
            evidence.read(features, view)
        return restored

    return restore


class _Evidence:
    """What the classifier finds, averaged over the positions of all tiles."""

    def __init__(self, backbone: Backbone, classifier: Classifier) -> None:
        self._backbone, self._classifier = backbone, classifier
        self._found = Sums()
        self.early = classifier.config.features == "all"

    def read(self, features: Features, view: TileView) -> None:
        self._add(classifier_features(features, self._backbone, self._classifier.config.features), view)

    def read_canvases(self, features: Features, tiler: Tiler, plan: Plan) -> None:
        canvases = classifier_features(features, self._backbone, self._classifier.config.features)
        dense = sum(x.shape[1] * (x.shape[-2] / tiler.size[0]) ** 2 for x in canvases)
        margin = -(-self._classifier.reach // tiler.align) * tiler.align
        side = plan.side or max(tiler.align, int((plan.values / dense) ** 0.5) - 2 * margin)
        room = plan.values / dense
        tiler.sweep(lambda *inputs: self._add(list(inputs[:-1]), inputs[-1]), canvases, side, margin, room=room)

    def logits(self, place: torch.device) -> Tensor:
        total, count = self._found.answer()
        return self._classifier.name((total / count).to(place, self._classifier.fc.weight.dtype))

    def _add(self, features: list[Tensor], view: TileView) -> None:
        own = view.own(self._classifier.positions(features, view))
        self._found.add(
            own.sum((0, 2, 3), dtype=torch.promote_types(own.dtype, torch.float32))[None],
            torch.tensor(len(own) * own.shape[2] * own.shape[3]),
        )
