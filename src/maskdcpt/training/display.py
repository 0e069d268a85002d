"""What a run shows besides numbers: pictures of what the network makes of its images, and which types it mixes up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from tensorboardX import SummaryWriter
from torch import Tensor

from maskdcpt.data import Batch
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining import Outputs
from maskdcpt.training.confusion import Confusion, confusion_picture, write_confusion
from maskdcpt.training.pictures import (
    PRETRAINING_TITLES,
    RESTORATION_TITLES,
    masked_input,
    progress_picture,
    type_captions,
    write_picture,
)


class Display:
    """Shows the images of the last step and counts the types named since it last did.

    Args:
        run: Folder of the run.
        classes: Names of the types in the order of the logits.
        multi: Whether an image can have several types.
        fabric: The engine.
    """

    def __init__(self, run: Path, classes: Sequence[str], *, multi: bool, fabric: Fabric) -> None:
        self._run = run
        self._fabric = fabric
        self._confusion = Confusion(classes, multi=multi, device=fabric.device)
        self._last: tuple[Batch, Outputs, VisibleMask | None] | None = None

    def add(self, images: Batch, outputs: Outputs, mask: VisibleMask | None) -> None:
        """Takes in what the network made of some images."""
        self._last = images, outputs, mask
        if outputs.logits is not None:
            self._confusion.add(outputs.logits.detach(), images.label)

    def write(self, step: int, writer: SummaryWriter | None) -> None:
        """Shows what was taken in; every process calls this, the one with a writer writes."""
        counts = self._confusion.counts.clone()
        self._confusion.counts.copy_(self._sum(counts))
        if writer is not None and self._last is not None:
            images, outputs, mask = self._last
            if outputs.image is not None:
                picture = _picture(self._confusion.classes, images, outputs, mask)
                write_picture(self._run, step, picture)
                writer.add_image("images", np.asarray(picture), step, dataformats="HWC")
            if outputs.logits is not None:
                write_confusion(self._run, step, self._confusion)
                writer.add_image("confusion", confusion_picture(self._confusion), step, dataformats="HWC")
        self._confusion.reset()

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on counting; every process calls this."""
        return {"counts": self._sum(self._confusion.counts.clone()).cpu()}

    def load(self, state: dict[str, Any]) -> None:
        """Takes up the counts of an interrupted run, in one process for all."""
        if self._fabric.is_global_zero:
            self._confusion.load_state_dict(state)

    def _sum(self, counts: Tensor) -> Tensor:
        total = self._fabric.all_reduce(counts, reduce_op="sum")
        assert isinstance(total, Tensor)
        return total


def _picture(classes: Sequence[str], images: Batch, outputs: Outputs, mask: VisibleMask | None) -> Any:
    assert outputs.image is not None
    masked = mask is not None
    shown = masked_input(images.degraded, mask) if mask is not None else images.degraded
    columns = (shown, outputs.image.detach(), images.clean)
    rows = list(zip(*(tensor.cpu() for tensor in columns), strict=True))
    with torch.no_grad():
        captions = type_captions(classes, images.label, outputs.logits)
    return progress_picture(rows, PRETRAINING_TITLES if masked else RESTORATION_TITLES, captions)
