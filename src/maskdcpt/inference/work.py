"""From an image and options to the restored image: precision, symmetries, tiles, and a second try where one fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from maskdcpt.backbones import Backbone
from maskdcpt.backbones.base import pad_to
from maskdcpt.errors import UserError
from maskdcpt.inference.memory import SHARE, free_memory, ran_out
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.inference.runtime import TorchRuntime, multiplies_bfloat16
from maskdcpt.inference.tiling import Manner, Outcome, Plan, make_plan, run_tiled, tile_unit
from maskdcpt.pretraining import ClassificationDecoder, classifier_features

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Restored:
    """A restored image and what is to be said of it."""

    pixels: Tensor
    """RGB (3, H, W) in [0, 1], float32, in the memory of the machine."""
    notes: tuple[str, ...] = ()
    """What had to be done for it, a line each."""
    types: Mapping[str, float] = field(default_factory=dict)
    """Type of damage to its probability, best first, where it was asked for."""


class Seen(NamedTuple):
    """What a network makes of an image."""

    restored: Tensor
    """RGB (3, H, W) in [0, 1], in the memory of the machine."""
    logits: Tensor
    """Of the types of damage, (1, K)."""


class Workshop:
    """Restores images with one network.

    Args:
        backbone: The network, on its device.
        classifier: Names the damage.
        device: Where both are.
        options: How.
    """

    def __init__(
        self,
        backbone: Backbone,
        classifier: ClassificationDecoder | None,
        device: torch.device,
        options: RestoreOptions,
    ) -> None:
        self._backbone, self._classifier, self._device, self._options = backbone, classifier, device, options
        self._runtime = TorchRuntime(backbone, compile=options.compile)
        fast = options.precision == "auto" and multiplies_bfloat16(device)
        self._format = torch.bfloat16 if fast else FORMATS.get(options.precision, torch.float32)

    def restore(self, pixels: Tensor, *, classify: bool = False) -> Restored:
        """Restores an image; see ``Restorer.restore_pixels``."""
        classifier = self._classifier if classify else None
        notes: list[str] = []
        with torch.inference_mode():
            image = pixels[None].float().cpu()
            restored, logits = self._finite(image, classifier, notes)
            restored.clamp_(0, 1)
            if self._options.strength < 1:
                restored = image.lerp(restored, self._options.strength)
        types = {} if classifier is None or logits is None else ranking(classifier, logits)
        # What leaves inference mode through an operation is an ordinary tensor again.
        return Restored(restored[0].clone(), tuple(dict.fromkeys(notes)), types)

    def classify(self, pixels: Tensor) -> dict[str, float]:
        """Names what has damaged an image; see ``Restorer.classify``."""
        return dict(self.restore(pixels, classify=True).types)

    def look(self, pixels: Tensor) -> Seen:
        """What the network makes of an image in float32 and one orientation, all of it and no share of it.

        Args:
            pixels: RGB (3, H, W) in [0, 1].

        Raises:
            UserError: If memory does not suffice or the output is not finite.
        """
        with torch.inference_mode():
            restored, logits = self._once(pixels[None].float().cpu(), self._classifier, [])
            assert logits is not None
            _require_finite(restored, logits)
            return Seen(restored[0].clamp(0, 1), logits.cpu())

    def _finite(
        self, image: Tensor, classifier: ClassificationDecoder | None, notes: list[str]
    ) -> tuple[Tensor, Tensor | None]:
        """Restores in the format asked for, and once more in float32 if that gives numbers that are none."""
        formats = [self._format] if self._format == torch.float32 else [self._format, torch.float32]
        for attempt in formats:
            with torch.autocast(self._device.type, attempt, enabled=attempt != torch.float32):
                restored, logits = self._symmetries(image, classifier, notes)
            if attempt == torch.float32:
                break
            if _is_finite(restored, logits):
                return restored, logits
            notes.append(f"{str(attempt).removeprefix('torch.')} gave numbers that are not finite; used float32")
        _require_finite(restored, logits)
        return restored, logits

    def _symmetries(
        self, image: Tensor, classifier: ClassificationDecoder | None, notes: list[str]
    ) -> tuple[Tensor, Tensor | None]:
        """Restores, as the mean over the symmetries of the square if that is asked for."""
        if not self._options.self_ensemble:
            return self._once(image, classifier, notes)
        total, evidence = torch.zeros_like(image), []
        for turns, mirrored in product(range(4), (False, True)):
            seen = torch.rot90(image.flip(-1) if mirrored else image, turns, (-2, -1))
            restored, logits = self._once(seen, classifier, notes)
            back = torch.rot90(restored, -turns, (-2, -1))
            total += back.flip(-1) if mirrored else back
            evidence += [] if logits is None else [logits]
        return total / 8, torch.stack(evidence).mean(0) if evidence else None

    def _once(
        self, image: Tensor, classifier: ClassificationDecoder | None, notes: list[str]
    ) -> tuple[Tensor, Tensor | None]:
        """Restores in one piece or in tiles, whichever memory allows."""
        stride, (height, width) = self._backbone.stride, image.shape[-2:]
        size = (-(-height // stride) * stride, -(-width // stride) * stride)
        plan = self._plan(size, self._options.tile, classifier)
        try:
            if plan.manner is Manner.WHOLE:
                try:
                    return self._whole(image, classifier)
                except (RuntimeError, MemoryError) as error:
                    if not ran_out(error):
                        raise
                plan = self._plan(size, max(size) // 2, classifier)
                notes.append(f"memory ran out for the whole image; restored {plan}")
            outcome = self._tiled(pad_to(image, size), plan, classifier)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            where = f"not enough memory on {self._device} for {width} x {height} pixels"
            raise UserError(f"{where}; scale the image down or cut it") from None
        if plan.manner is Manner.ALONE:
            notes.append(f"restored {plan}: near to what the whole image gives, but not equal")
        if outcome.halvings:
            notes.append(f"memory ran out; the side of tiles was halved {outcome.halvings} times")
        return outcome.restored[..., :height, :width], outcome.logits

    def _plan(self, size: tuple[int, int], tile: int, classifier: ClassificationDecoder | None) -> Plan:
        host = self._options.memory or int(SHARE * free_memory(torch.device("cpu")))
        device = None
        if self._device.type == "cuda":
            host = int(SHARE * free_memory(torch.device("cpu")))
            device = self._options.memory or int(SHARE * free_memory(self._device))
        align = tile_unit(self._backbone, classifier)
        return make_plan(self._runtime.outline, size, tile=tile, host=host, device=device, align=align)

    def _whole(self, image: Tensor, classifier: ClassificationDecoder | None) -> tuple[Tensor, Tensor | None]:
        if classifier is None:
            return self._runtime(image), None
        x = image.to(self._device, memory_format=torch.channels_last)
        features = self._backbone.forward_features(x, early=classifier.config.features == "all")
        logits = classifier(classifier_features(features, self._backbone, classifier.config.features))
        return self._backbone.forward_head(features, x).float().cpu(), logits

    def _tiled(self, padded: Tensor, plan: Plan, classifier: ClassificationDecoder | None) -> Outcome:
        return run_tiled(self._backbone, padded, plan, self._device, classifier)


def ranking(classifier: ClassificationDecoder, logits: Tensor) -> dict[str, float]:
    """Type of damage to its probability, best first, from logits (1, K)."""
    probabilities = classifier.probabilities(logits.cpu().double())[0]
    order = probabilities.argsort(descending=True, stable=True)
    return {classifier.classes[index]: probabilities[index].item() for index in order.tolist()}


def _is_finite(restored: Tensor, logits: Tensor | None) -> bool:
    return bool(restored.isfinite().all()) and (logits is None or bool(logits.isfinite().all()))


def _require_finite(restored: Tensor, logits: Tensor | None) -> None:
    if not _is_finite(restored, logits):
        raise UserError("the network's output is not finite; its weights are damaged, or do not suit the image")
