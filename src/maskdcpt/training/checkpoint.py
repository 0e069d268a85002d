"""Checkpoints: a folder of weights that anyone can load, and beside them the state that training goes on from."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from maskdcpt.backbones.checkpoints import CHECKPOINTS, SUMS, checkpoints, damage
from maskdcpt.files import atomic_folder, file_sha256, write_bytes
from maskdcpt.pretraining import PretrainingModel, RestorationModel, save_model
from maskdcpt.training.run import CONFIG

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
    if folder.is_dir():
        shutil.rmtree(folder)  # damaged, or training would not have come to this step again
    with atomic_folder(folder) as temporary:
        save_model(temporary, averaged.backbone, averaged.classifier)
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_bytes(temporary / STATE, buffer.getbuffer())
        write_bytes(temporary / CONFIG, (run / CONFIG).read_bytes())
        sums = [f"{file_sha256(path)}  {path.name}\n" for path in sorted(temporary.iterdir())]
        write_bytes(temporary / SUMS, "".join(sums).encode())
    for later in checkpoints(run):
        if later.name > folder.name:  # damaged, or training would have gone on from it
            shutil.rmtree(later)
    for old in checkpoints(run)[:-KEEP]:
        shutil.rmtree(old)
    return folder


def load_state(checkpoint: Path) -> dict[str, Any]:
    """The training state of a checkpoint, on the CPU."""
    state: dict[str, Any] = torch.load(checkpoint / STATE, map_location="cpu", weights_only=True)
    return state


def newest_checkpoint(run: Path, say: Callable[[str], None] | None = None) -> Path | None:
    """The newest checkpoint of which every file is as it was written; None if there is none.

    Args:
        run: Folder of the run.
        say: Is told about each damaged one that is passed over.
    """
    folders = checkpoints(run)
    while folders:
        folder = folders.pop()
        problem = damage(folder)
        if problem is None:
            return folder
        if say is not None:
            consequence = "going on from the checkpoint before" if folders else "none is left, training begins anew"
            say(f"{folder}: {problem}; {consequence}")
    return None
