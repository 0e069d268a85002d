"""What a run tells while it goes: rows of ``metrics.jsonl``, the same in TensorBoard, and images that were replaced."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from tensorboardX import SummaryWriter
from torch import Tensor

from maskdcpt.data import Fault
from maskdcpt.files import append_row
from maskdcpt.progress import say_above_bar
from maskdcpt.training.run import METRICS, QUARANTINE, drop_rows_after, record_faults

HIDDEN = ("gradient_norm",)
"""Values that the progress bar leaves out."""


class Log:
    """Collects the values of steps and writes their means.

    Args:
        run: Folder of the run.
        batch: Images per step over all processes.
    """

    def __init__(self, run: Path, batch: int) -> None:
        self._run = run
        self._batch = batch
        self._sums: dict[str, Tensor] = {}
        self._kept = 0
        self._skipped = 0
        self._replaced = 0
        self._rate = 0.0
        self._seconds = 0.0
        self.writer: SummaryWriter | None = None
        """TensorBoard's, in the process that writes."""
        self.shown: dict[str, str] = {}
        """The last means and the memory that is needed, for the progress bar."""

    def forget_after(self, step: int) -> None:
        """Drops the rows of later steps; one process calls this, before any adds to the files."""
        for name in (METRICS, QUARANTINE):
            drop_rows_after(self._run / name, step)

    @contextmanager
    def opened(self, step: int, *, writing: bool) -> Iterator[None]:
        """Logs in the block.

        Args:
            step: Number of steps done; what TensorBoard has of later ones is forgotten.
            writing: Whether this process writes what is the same for all.
        """
        self._started = time.perf_counter() - self._seconds
        self._restart(step)
        if not writing:
            yield
            return
        with closing(SummaryWriter(str(self._run / "tensorboard"), purge_step=step, flush_secs=10)) as self.writer:
            yield

    def say(self, message: str) -> None:
        """Tells people something that they should know, above the progress bar."""
        say_above_bar(message)

    def waited(self, seconds: float) -> None:
        """Notes time that was spent waiting for data."""
        self._waited += seconds

    def faults(self, step: int, faults: Sequence[Fault]) -> None:
        """Notes images of a step that could not be read; every process tells of its own."""
        self._replaced += len(faults)
        record_faults(self._run, step, faults)

    def add(self, values: Mapping[str, Tensor], *, lr: float) -> None:
        """Notes a step.

        Args:
            values: What is averaged; empty for a step that was left out.
            lr: Its learning rate.
        """
        self._rate = lr
        self._seconds = time.perf_counter() - self._started
        if not values:
            self._skipped += 1
            return
        self._kept += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=value.device)) + value.detach()

    def write(self, step: int) -> None:
        """Writes the means since the last row."""
        means = {name: value.item() / self._kept for name, value in self._sums.items()}
        now = time.perf_counter()
        row: dict[str, Any] = {
            "step": step,
            "seconds": round(self._seconds, 3),
            "lr": self._rate,
            **means,
            "skipped": self._skipped,
            "faults": self._replaced,
            "samples_per_second": round((step - self._from) * self._batch / (now - self._since), 3),
            "data_wait": round(self._waited / (now - self._since), 4),
            "memory_gib": round(_peak_memory() / 2**30, 3),
        }
        self._sums, self._kept, self._skipped, self._replaced = {}, 0, 0, 0
        self._restart(step)
        self.shown = {name: f"{value:.4f}" for name, value in means.items() if name not in HIDDEN}
        self.shown["memory"] = f"{row['memory_gib']:.1f}GiB"
        if self.writer is None:
            return
        append_row(self._run / METRICS, row)
        for name, value in row.items():
            if name != "step":
                self.writer.add_scalar(name, value, step)

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to write the same rows."""
        return {
            "seconds": self._seconds,
            "sums": self._sums,
            "kept": self._kept,
            "skipped": self._skipped,
            "replaced": self._replaced,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Takes up the state of an interrupted run."""
        self._seconds, self._kept = state["seconds"], state["kept"]
        self._skipped, self._replaced = state["skipped"], state["replaced"]
        self._sums = state["sums"]

    def _restart(self, step: int) -> None:
        self._from, self._since, self._waited = step, time.perf_counter(), 0.0


def _peak_memory() -> int:
    """Largest memory of the process so far in bytes: the accelerator's where there is one, else the machine's."""
    if torch.cuda.is_available() and (peak := torch.cuda.max_memory_allocated()):
        return peak
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
