"""From an image and options to the restored image: precision, symmetries, tiles, and a second try where one fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from maskdcpt.backbones.base import pad_to
from maskdcpt.errors import UserError
from maskdcpt.inference.engine import Answer, Engine
from maskdcpt.inference.memory import SHARE, free_memory
from maskdcpt.inference.options import RestoreOptions
from maskdcpt.inference.precision import multiplies_bfloat16
from maskdcpt.inference.tiling import Manner, Plan, Tick, count_rounds, make_plan
from maskdcpt.shortage import ran_out

FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

Watch: TypeAlias = Callable[[float], None]
"""Is told now and then, of an image that is restored in tiles or several times, what share of the work is done, from 0
to 1. What it raises ends the work."""


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
    final: Restored | None
    """What ``Workshop.restore`` would give, if that takes the very same pass."""


class Workshop:
    """Restores images with one network.

    Args:
        engine: The network.
        options: How.
    """

    def __init__(self, engine: Engine, options: RestoreOptions) -> None:
        self._engine, self._options = engine, options
        fast = options.precision == "auto" and multiplies_bfloat16(engine.device)
        self._format = torch.bfloat16 if fast else FORMATS.get(options.precision, torch.float32)

    def restore(self, pixels: Tensor, *, classify: bool = False, watch: Watch | None = None) -> Restored:
        """Restores an image; see ``Restorer.restore_pixels``."""
        notes: list[str] = []
        with torch.inference_mode():
            image = pixels[None].float().cpu()
            restored, logits = self._finite(image, classify, notes, watch)
            restored.clamp_(0, 1)
        types = {} if logits is None else self.ranking(logits)
        return Restored(self._share(image, restored), tuple(dict.fromkeys(notes)), types)

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
        notes: list[str] = []
        with torch.inference_mode():
            image = pixels[None].float().cpu()
            plan = self._usual_plan(image)
            restored, logits = answer = self._follow(plan, image, True, notes)
            assert logits is not None
            _require_finite(answer)
            restored.clamp_(0, 1)
        options = self._options
        simple = self._format == torch.float32 and not options.self_ensemble and not options.compile
        # Edges between tiles may lie elsewhere where damage is named as well.
        same = simple and plan.manner is Manner.WHOLE and not notes
        return Seen(restored[0], logits, Restored(self._share(image, restored)) if same else None)

    def ranking(self, logits: Tensor) -> dict[str, float]:
        """Type of damage to its probability, best first, from logits (1, K)."""
        probabilities = self._engine.probabilities(logits.double())[0]
        order = probabilities.argsort(descending=True, stable=True)
        return {self._engine.classes[index]: probabilities[index].item() for index in order.tolist()}

    def _share(self, image: Tensor, restored: Tensor) -> Tensor:
        """As much of the change as is wanted, (3, H, W)."""
        with torch.inference_mode():
            if self._options.strength < 1:
                restored = image.lerp(restored, self._options.strength)
        # What leaves inference mode through an operation is an ordinary tensor again.
        return restored[0].clone()

    def _finite(self, image: Tensor, classify: bool, notes: list[str], watch: Watch | None) -> Answer:
        """Restores in the format asked for, and once more in float32 if that gives numbers that are none."""
        if self._format != torch.float32:
            with torch.autocast(self._engine.device.type, self._format):
                answer = self._symmetries(image, classify, notes, watch)
            if _is_finite(answer):
                return answer
            notes.append(f"{str(self._format).removeprefix('torch.')} gave numbers that are not finite; used float32")
        answer = self._symmetries(image, classify, notes, watch)
        _require_finite(answer)
        return answer

    def _symmetries(self, image: Tensor, classify: bool, notes: list[str], watch: Watch | None) -> Answer:
        """Restores, as the mean over the symmetries of the square if that is asked for."""
        if not self._options.self_ensemble:
            return self._once(image, classify, notes, watch)
        total, evidence = torch.zeros_like(image), []
        for number, (turns, mirrored) in enumerate(product(range(4), (False, True))):
            seen = torch.rot90(image.flip(-1) if mirrored else image, turns, (-2, -1))
            restored, logits = self._once(seen, classify, notes, _part(watch, number, 8))
            back = torch.rot90(restored, -turns, (-2, -1))
            total += back.flip(-1) if mirrored else back
            evidence += [] if logits is None else [logits]
            if watch is not None:
                watch((number + 1) / 8)
        return Answer(total / 8, torch.stack(evidence).mean(0) if evidence else None)

    def _once(self, image: Tensor, classify: bool, notes: list[str], watch: Watch | None = None) -> Answer:
        """Restores in one piece or in tiles, whichever memory allows."""
        return self._follow(self._usual_plan(image), image, classify, notes, watch)

    def _follow(
        self, plan: Plan, image: Tensor, classify: bool, notes: list[str], watch: Watch | None = None
    ) -> Answer:
        """Restores by a plan, or where memory runs out in smaller tiles."""
        (height, width), size = image.shape[-2:], self._padded(image)
        try:
            if plan.manner is Manner.WHOLE:
                try:
                    return self._engine.whole(image, classify)
                except (RuntimeError, MemoryError) as error:
                    if not ran_out(error):
                        raise
                plan = replace(self._plan(size, max(size) // 2), room=0)  # what it was made from does not hold
                notes.append(f"memory ran out for the whole image; restored {plan}")
            tick = _tick(watch, count_rounds(self._engine.outline, plan))
            answer, halvings = self._engine.tiled(pad_to(image, size), plan, classify, tick)
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            where = f"not enough memory on {self._engine.device} for {width} x {height} pixels"
            raise UserError(f"{where}; scale the image down or cut it") from None
        if plan.manner is Manner.ALONE:
            notes.append(f"restored {plan}: near to what the whole image gives, but not equal")
        if halvings:
            notes.append(f"memory ran out; the side of tiles was halved {halvings} times")
        return Answer(answer.restored[..., :height, :width], answer.logits)

    def _padded(self, image: Tensor) -> tuple[int, int]:
        stride, (height, width) = self._engine.stride, image.shape[-2:]
        return -(-height // stride) * stride, -(-width // stride) * stride

    def _usual_plan(self, image: Tensor) -> Plan:
        return self._plan(self._padded(image), self._options.tile)

    def _plan(self, size: tuple[int, int], tile: int) -> Plan:
        given = self._options.memory or _most(self._engine.device)
        apart = self._engine.device.type == "cuda"  # then its memory is what people limit, not the machine's
        host, device = (_most(torch.device("cpu")), given) if apart else (given, None)
        return make_plan(self._engine.outline, size, tile=tile, host=host, device=device, align=self._engine.align)


def _most(device: torch.device) -> int:
    """Bytes that are taken of a device without being asked."""
    return int(SHARE * free_memory(device))


def _is_finite(answer: Answer) -> bool:
    return all(each is None or bool(each.isfinite().all()) for each in answer)


def _require_finite(answer: Answer) -> None:
    if not _is_finite(answer):
        raise UserError("the network's output is not finite; its weights are damaged, or do not suit the image")


def _part(watch: Watch | None, number: int, count: int) -> Watch | None:
    """What watches one of several works of the same size."""
    return None if watch is None else lambda share: watch((number + share) / count)


def _tick(watch: Watch | None, rounds: int) -> Tick:
    """What tiles tell, as the share of the whole work."""
    done = 0.0

    def tick(share: float) -> None:
        nonlocal done
        done += share
        if watch is not None:
            watch(min(1.0, done / rounds))

    return tick
