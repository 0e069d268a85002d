"""Everything that happens around a training step and is the same for every kind of training.

The loops in ``pretrain.py`` and ``finetune.py`` say what a step is; here is what surrounds it: device and precision,
optimiser, schedule, running mean of the weights, log, progress, checkpoints and resuming from them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import torch
from lightning_fabric import Fabric
from tensorboardX import SummaryWriter
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from maskdcpt.devices import find_device, move
from maskdcpt.errors import UserError
from maskdcpt.files import append_row
from maskdcpt.pretraining import PretrainingModel, RestorationModel
from maskdcpt.progress import progress_bar
from maskdcpt.training.checkpoint import checkpoints, load_state, save_checkpoint
from maskdcpt.training.config import TrainConfig
from maskdcpt.training.run import METRICS, drop_metrics_after
from maskdcpt.training.schedule import learning_rate_factor

Model = TypeVar("Model", PretrainingModel, RestorationModel)
Tensors: TypeAlias = list[Tensor] | tuple[Tensor, ...]
Average: TypeAlias = Callable[[Tensors, Tensors, Tensor | int], None]


class Trainer(Generic[Model]):
    """Trains one model in one run folder.

    Args:
        run: The folder, opened by ``open_run``; if it holds a checkpoint, training goes on from there.
        config: How to train.
        model: The model with its initial weights.
        groups: Parameter groups of the optimiser, each with its ``params`` and ``peak_lr``.
        title: What the progress bar is called.
    """

    def __init__(
        self, run: Path, config: TrainConfig, model: Model, groups: list[dict[str, Any]], *, title: str
    ) -> None:
        self.run = run
        self.config = config
        self.title = title
        self.step = 0
        self.seconds = 0.0
        self._sums: dict[str, Tensor] = {}

        self.fabric = Fabric(accelerator=find_device(config.device).type, devices=1, precision=config.precision)
        move(model, self.fabric.device)
        self._averaged = AveragedModel(model, multi_avg_fn=warming_average(config.ema))
        optimizer = torch.optim.AdamW(groups, betas=config.betas, weight_decay=config.weight_decay, fused=True)
        self.model, self._optimizer = self.fabric.setup(model, optimizer)
        self._resume()
        self._writer = SummaryWriter(str(run / "tensorboard"), purge_step=self.step, flush_secs=10)

    @property
    def averaged(self) -> Model:
        """The model with the running mean of the weights, which is what checkpoints hold."""
        return self._averaged.module  # type: ignore[return-value]

    @property
    def remaining(self) -> range:
        """Numbers of the steps that are still to do."""
        return range(self.step, self.config.steps)

    def steps(self, batches: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        """Yields the number of each remaining step with its batch on the device, under a progress bar."""
        self._bar = progress_bar(total=self.config.steps, title=self.title, unit="step", done=self.step)
        self._started = time.perf_counter() - self.seconds
        with self._bar, closing(self._writer):
            for step, batch in zip(self.remaining, batches, strict=True):
                yield step, batch.to(self.fabric.device)
                self._bar.update()

    def update(self, loss: Tensor, terms: Mapping[str, Tensor]) -> None:
        """Takes one optimiser step, and what is due after it: log, checkpoint.

        Args:
            loss: What to minimise.
            terms: What to log, averaged over the steps between two rows.

        Raises:
            UserError: If the loss or its gradient is not finite; nothing of the step is kept.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak_lr"] * learning_rate_factor(self.step, self.config)
        self._optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        # Each group on its own, so that no part of the model can slow another down by its gradient's length.
        norms: list[Tensor] = [
            nn.utils.clip_grad_norm_(group["params"], self.config.clip) for group in self._optimizer.param_groups
        ]
        if not all(torch.isfinite(value) for value in (loss, *norms)):
            raise UserError(
                f"{self.run}: the loss became {loss.item()} in step {self.step + 1}, the length of its gradient "
                f"{norms[0].item()}; the last checkpoint is whole; a lower train.lr in a new run usually helps"
            )
        self._optimizer.step()
        self._averaged.update_parameters(self.model.module)
        self.step += 1
        self.seconds = time.perf_counter() - self._started

        for name, value in {"loss": loss, **terms, "gradient_norm": norms[0]}.items():
            self._sums[name] = self._sums.get(name, torch.zeros((), device=loss.device)) + value.detach()
        last = self.step == self.config.steps
        if last or self.step % self.config.log_every == 0:
            self._log()
        if last or self.step % self.config.checkpoint_every == 0:
            self._save()

    def _log(self) -> None:
        count = (self.step - 1) % self.config.log_every + 1
        means = {name: value.item() / count for name, value in self._sums.items()}
        self._sums.clear()
        rate = self._optimizer.param_groups[0]["lr"]
        row = {"step": self.step, "seconds": round(self.seconds, 3), "lr": rate, **means}
        append_row(self.run / METRICS, row)
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, self.step)
        shown = {name: f"{value:.4f}" for name, value in means.items() if name != "gradient_norm"}
        self._bar.set_postfix(shown, refresh=False)

    def _save(self) -> None:
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "sums": self._sums,
            "model": self.model.module.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        save_checkpoint(self.run, self.step, self.averaged, state)

    def _resume(self) -> None:
        found = checkpoints(self.run)
        if found:
            state = load_state(found[-1], self.fabric.device)
            self.step, self.seconds, self._sums = state["step"], state["seconds"], state["sums"]
            self.model.module.load_state_dict(state["model"])
            self._averaged.load_state_dict(state["averaged"])
            self._optimizer.load_state_dict(state["optimizer"])
        drop_metrics_after(self.run, self.step)


def warming_average(decay: float) -> Average:
    """The update rule of the running mean of the weights.

    A long memory would keep the initial weights in a short run, so the decay grows to its value over the first steps:
    ``min(decay, (1 + n) / (10 + n))`` after n updates.
    """

    def update(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
        now = min(decay, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(now)(averaged, current, count)  # type: ignore[no-untyped-call]

    return update
