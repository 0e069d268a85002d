"""What runs a network: torch here, or an exported network elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from maskdcpt.backbones import Backbone
from maskdcpt.inference.tiling import Outline, outline


class Runtime(Protocol):
    """A network that restores batches and tells nothing else of itself; thread-safe."""

    @property
    def stride(self) -> int:
        """What sides of a tile are multiples of, in pixels."""

    @property
    def reach(self) -> int:
        """Pixels around a pixel that its result depends on at most, but for sums over the image; 0 if not known."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def __call__(self, batch: Tensor) -> Tensor:
        """Restores images (N, 3, h, w) in [0, 1], float32 in the memory of the machine; the result is not clamped."""


class TorchRuntime:
    """A network of this library, run by torch.

    Args:
        backbone: The network, on its device and in evaluation mode.
        compile: Whether to compile it for batches that come whole.
    """

    def __init__(self, backbone: Backbone, *, compile: bool = False) -> None:  # noqa: A002 - torch's own name
        self.backbone = backbone
        self.outline: Outline = outline(backbone)
        self._run = torch.compile(backbone) if compile else backbone

    @property
    def stride(self) -> int:
        """See the protocol."""
        return self.backbone.stride

    @property
    def reach(self) -> int:
        """See the protocol."""
        return self.outline.whole_reach

    @property
    def device(self) -> torch.device:
        """See the protocol."""
        return next(self.backbone.parameters()).device

    def __call__(self, batch: Tensor) -> Tensor:
        """See the protocol."""
        with torch.inference_mode():
            restored: Tensor = self._run(batch.to(self.device, memory_format=torch.channels_last))
        return restored.float().cpu()


FAST_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What Linux calls the instructions with which a CPU multiplies bfloat16."""
AMPERE = (8, 0)
"""The first generation of NVIDIA's devices that multiplies bfloat16."""


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16; without them torch makes do with others, many times slower."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    information = Path("/proc/cpuinfo")
    if device.type != "cpu" or not information.is_file():
        return False
    lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
    names = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return not FAST_BFLOAT16.isdisjoint(names.split())
