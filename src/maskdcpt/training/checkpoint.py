"""Checkpoints: a folder of weights that anyone can load, and beside them the state that training goes on from."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from maskdcpt.errors import UserError
from maskdcpt.files import atomic_folder, write_bytes
from maskdcpt.pretraining import PretrainingModel, RestorationModel, save_model
from maskdcpt.training.run import CHECKPOINTS, CONFIG

STATE = "state.pt"
KEEP = 2
"""How many of the newest checkpoints stay: one more than needed, in case the last is damaged."""


def save_checkpoint(run: Path, step: int, averaged: PretrainingModel | RestorationModel, state: dict[str, Any]) -> Path:
    """Writes the checkpoint of a step; it is there whole or not at all.

    Args:
        run: Folder of the run.
        step: Number of steps done.
        averaged: The model whose weights are meant for use.
        state: Everything that training goes on from, tensors and plain values only.

    Returns:
        The checkpoint's folder.

    Raises:
        OSError: If it cannot be written; earlier checkpoints are untouched then.
    """
    folder = run / CHECKPOINTS / f"step-{step:08d}"
    with atomic_folder(folder) as temporary:
        save_model(temporary, averaged.backbone, averaged.classifier)
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_bytes(temporary / STATE, buffer.getbuffer())
        write_bytes(temporary / CONFIG, (run / CONFIG).read_bytes())
    for old in checkpoints(run)[:-KEEP]:
        shutil.rmtree(old)
    return folder


def load_state(checkpoint: Path, device: torch.device) -> dict[str, Any]:
    """The training state of a checkpoint.

    Raises:
        UserError: If the file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(checkpoint / STATE, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, UnpicklingError):
        raise UserError(
            f"{checkpoint / STATE}: damaged; remove {checkpoint} to go on from the checkpoint before"
        ) from None
    return state


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return sorted((run / CHECKPOINTS).glob("step-*"))
