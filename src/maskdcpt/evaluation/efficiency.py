"""What networks cost: parameters, arithmetic, time and memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from maskdcpt.backbones import build_backbone
from maskdcpt.evaluation.arms import Arm, NetworkArm
from maskdcpt.inference import RestoreOptions, Restorer
from maskdcpt.profiling import count_flops, count_parameters, peak_memory, race
from maskdcpt.progress import progress_bar

SIDE = 256
"""Side of the square image that is restored, in pixels."""

REPETITIONS = 2
"""Times that each network is timed; the shortest counts."""


class Efficiency(NamedTuple):
    """The cost of one network, without its classifier, on an image of ``SIDE`` pixels a side."""

    arm: str
    """The arm."""
    parameters: int
    """Weights of the network."""
    macs_per_megapixel: float
    """Multiplications with an addition a million pixels, attention included."""
    seconds_per_megapixel: float
    """Time a million pixels."""
    memory_per_megapixel: float | None
    """Bytes of memory that a pass adds at its peak, a million pixels; None where it cannot be told."""

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return self._asdict()


def measure_efficiency(arms: Sequence[Arm], progress: bool = True) -> list[Efficiency]:
    """Measures all networks among arms on the device that they are on.

    Args:
        arms: What was measured.
        progress: Whether to show a progress bar on standard error.

    Raises:
        UserError: If memory does not suffice.
    """
    networks = [arm for arm in arms if isinstance(arm, NetworkArm)]
    if not networks:
        return []
    megapixels = SIDE * SIDE / 1e6
    image = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    found = []
    with progress_bar(total=len(networks), title="cost", unit="network", show=progress) as bar:
        for arm in networks:
            config = arm.restorer.backbone.config
            device = arm.restorer.device
            times = race({"restore": lambda arm=arm: arm.restorer.restore(image)}, device, REPETITIONS)  # type: ignore[misc]
            memory = peak_memory(prepare, device, arm.path, str(device)) if device.type != "mps" else None
            flops = count_flops(lambda config=config: build_backbone(config), 1, SIDE, SIDE)  # type: ignore[misc]
            found.append(
                Efficiency(
                    arm.name,
                    count_parameters(arm.restorer.backbone),
                    flops / 2 / megapixels,
                    times["restore"] / megapixels,
                    None if memory is None else memory / megapixels,
                )
            )
            bar.update()
    return found


def prepare(path: str, device: str) -> Callable[[], object]:
    """Loads weights in a process of their own and makes the work whose memory is measured."""
    restorer = Restorer.from_pretrained(path, device=device, options=RestoreOptions(precision="float32"))
    image = torch.rand(3, SIDE, SIDE)
    return lambda: restorer.restore(image)
