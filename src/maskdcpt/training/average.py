"""The running mean of the weights, which is what checkpoints hold for use."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskdcpt.training.tensors import local


class RunningMean:
    """An exponential running mean of a module's parameters; each process keeps its own part.

    A long memory would keep the initial weights in a short run, so the decay grows to its value over the first steps:
    ``min(decay, (1 + n) / (10 + n))`` after n updates. The first update copies.

    Args:
        module: Whose parameters.
        decay: Largest share of the old mean in the new one.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._current = dict(module.named_parameters())
        self.mean: dict[str, Tensor] = {name: tensor.detach().clone() for name, tensor in self._current.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Takes in the parameters as they are now."""
        weight = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.updates else 1.0
        means = [local(tensor) for tensor in self.mean.values()]
        torch._foreach_lerp_(means, [local(tensor.detach()) for tensor in self._current.values()], weight)
        self.updates += 1
