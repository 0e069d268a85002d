"""What happens when a loss or its gradient is not a finite number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
from torch import Tensor

from maskdcpt.data import Batch
from maskdcpt.errors import UserError
from maskdcpt.files import write_whole

FOLDER = "nonfinite"
PATIENCE = 10
"""Steps in a row that may be skipped; more mean that the weights themselves are lost."""


class Guard:
    """Keeps steps that are not finite out of the weights.

    Args:
        run: Folder of the run; what the step was computed from is written below it.
        policy: Whether such a step ends the run or is left out.
        rank: Number of this process.
    """

    def __init__(self, run: Path, policy: Literal["stop", "skip"], rank: int) -> None:
        self._run = run
        self._policy = policy
        self._rank = rank
        self.in_a_row = 0

    def passed(self) -> None:
        """Notes a step that was finite."""
        self.in_a_row = 0

    def refuse(self, step: int, loss: float, norms: dict[str, float], batch: Batch) -> None:
        """Keeps the batch of this process for a look at it, and ends the run or lets it go on without the step.

        Args:
            step: Number of the step, from 0.
            loss: Its loss over all processes.
            norms: Lengths of the gradients.
            batch: The images of this process.

        Raises:
            UserError: If the policy is to stop, or too many steps in a row were refused.
        """
        place = self._write(step, loss, norms, batch)
        self.in_a_row += 1
        what = f"{self._run}: the loss became {loss:g} in step {step + 1}, the length of its gradient {norms}; "
        if self._policy == "stop":
            raise UserError(
                f"{what}its images are in {place}; the last checkpoint is whole; a lower train.lr in a new run usually "
                "helps, and train.nonfinite = 'skip' leaves such steps out"
            )
        if self.in_a_row > PATIENCE:
            raise UserError(f"{what}so did the {PATIENCE} before it; the last checkpoint is whole")

    def _write(self, step: int, loss: float, norms: dict[str, float], batch: Batch) -> Path:
        folder = self._run / FOLDER
        folder.mkdir(exist_ok=True)
        path = folder / f"step-{step + 1:08d}-rank-{self._rank}.safetensors"
        tensors: dict[str, Tensor] = {
            name: getattr(batch, name).detach().to("cpu", memory_format=torch.contiguous_format).contiguous()
            for name in ("degraded", "clean", "label", "index")
        }
        facts = {
            "step": str(step + 1),
            "loss": str(loss),
            "gradient": json.dumps({k: str(v) for k, v in norms.items()}),
        }
        write_whole(path, safetensors.torch.save(tensors, facts))
        return path
