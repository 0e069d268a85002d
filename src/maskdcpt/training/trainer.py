"""Everything that happens around a training step and is the same for every kind of training.

``pretrain.py`` and ``finetune.py`` say what is minimised; here is what surrounds it: device, number format and
processes, optimiser, schedule, running mean of the weights, log, progress, checkpoints and resuming from them.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricOptimizer
from torch import Tensor, nn

from maskdcpt.backbones.checkpoints import checkpoints
from maskdcpt.data import Batch, DataConfig
from maskdcpt.devices import move
from maskdcpt.errors import Preempted
from maskdcpt.files import append_row, cut_torn_row
from maskdcpt.inference import RestoreOptions, Restorer
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining import Outputs, PretrainingModel, RestorationModel
from maskdcpt.progress import progress_bar
from maskdcpt.signals import StopAsked, StopRequest
from maskdcpt.training.average import RunningMean
from maskdcpt.training.checkpoint import load_state, newest_checkpoint, save_checkpoint
from maskdcpt.training.config import TrainConfig
from maskdcpt.training.display import Display
from maskdcpt.training.guard import Guard
from maskdcpt.training.log import Log
from maskdcpt.training.optimizer import build_optimizer, clip_gradients, load_optimizer_state, optimizer_state
from maskdcpt.training.run import RESTARTS
from maskdcpt.training.schedule import learning_rate_factor
from maskdcpt.training.shares import Share
from maskdcpt.training.tensors import fill, whole
from maskdcpt.training.validation import Validation, drop_validation_after, read_validation, record_validation

Model = TypeVar("Model", PretrainingModel, RestorationModel)


class Losses(NamedTuple):
    """What a kind of training makes of some images."""

    total: Tensor
    """What is minimised, a mean over the images."""
    terms: Mapping[str, Tensor]
    """What is logged with it, means over the images."""
    outputs: Outputs
    """What the model made of them."""
    mask: VisibleMask | None
    """What was hidden of them."""


Minimised = Callable[[nn.Module, Batch, int, range], Losses]
"""From the model, some images on its device, the number of the step and the places of the images in its batch."""


class Trainer(Generic[Model]):
    """Trains one model in one run folder; every process makes one.

    Args:
        run: The folder, opened by ``open_run``; if it holds a sound checkpoint, training goes on from there.
        config: How to train.
        data: What is shown.
        fabric: The engine, launched.
        model: The model with its initial weights.
        validation: What to measure now and then, or None.
        every: Steps between two measurements; 0 for one at the end alone.
        title: What the progress bar is called.

    Raises:
        UserError: If the batch does not divide among the processes.
    """

    def __init__(
        self,
        run: Path,
        config: TrainConfig,
        data: DataConfig,
        fabric: Fabric,
        model: Model,
        *,
        title: str,
        validation: Validation | None = None,
        every: int = 0,
    ) -> None:
        self.run = run
        self.config = config
        self.fabric = fabric
        self.title = title
        self.step = 0
        self.averaged: Model = copy.deepcopy(model)
        """The model with the running mean of the weights as of the last checkpoint."""
        self._validation = validation
        self._every = every
        self._share = Share.of(
            config.batch, ranks=fabric.world_size, rank=fabric.global_rank, device_batch=config.device_batch
        )
        self._guard = Guard(run, config.nonfinite, fabric.global_rank)
        self._stop = StopRequest()
        self._log = Log(run, config.batch)
        self._display = Display(run, data.classes, multi=data.labels == "multi", fabric=fabric)

        model.backbone.set_grad_checkpointing(config.checkpointing)
        if config.channels_last:
            move(model, fabric.device)
        self._model: PretrainingModel | RestorationModel = model
        self._layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self._wrapped = fabric.setup_module(cast(nn.Module, torch.compile(model)) if config.compile else model)
        self._optimizer = cast(_FabricOptimizer, fabric.setup_optimizers(build_optimizer(model, config)))
        self._mean = RunningMean(model, config.ema)
        self._scaler: torch.amp.GradScaler | None = getattr(fabric.strategy.precision, "scaler", None)
        self._resume()

    def sample_numbers(self) -> list[range]:
        """Numbers of the samples that this process needs for each of the steps that are still to do."""
        return [self._share.samples(step) for step in range(self.step, self.config.steps)]

    def fit(self, batches: Iterable[Batch], minimised: Minimised) -> Path:
        """Takes the steps that are still to do.

        Args:
            batches: The share of this process of each of them.
            minimised: The loss.

        Returns:
            The last checkpoint.

        Raises:
            UserError: If the loss or its gradient is not finite and the policy is to stop; nothing of the step is kept.
            Preempted: If the process was asked to stop; what was done is in a checkpoint then.
        """
        main = self.fabric.is_global_zero
        self._validate()  # an interruption may have come between the last checkpoint and this
        with ExitStack() as stack:
            stack.enter_context(self._stop.listening())
            stack.enter_context(self._log.opened(self.step, writing=main))
            bar = stack.enter_context(
                progress_bar(total=self.config.steps, title=self.title, unit="step", done=self.step, show=main)
            )
            for batch in self._waiting(batches):
                stop = self._take_step(batch, minimised)
                bar.set_postfix(self._log.shown, refresh=False)
                bar.update()
                if stop or self._due(self.config.checkpoint_every) or self._measures():
                    self._save()
                if stop and self.step < self.config.steps:
                    raise self._preempted()
                self._validate()
        return checkpoints(self.run)[-1]

    def _preempted(self) -> Preempted:
        return Preempted(f"{self.run}: asked to stop after step {self.step}; the same command goes on")

    def _due(self, every: int) -> bool:
        return self.step == self.config.steps or self.step % every == 0

    def _waiting(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        # Counts the time that the next batch is waited for.
        iterator = iter(batches)
        while self.step < self.config.steps:
            start = time.perf_counter()
            # Where there are several processes, the others may be waiting for this one in the midst of a step.
            try:
                with self._stop.interrupting() if self.fabric.world_size == 1 else nullcontext():
                    batch = next(iterator)
            except StopAsked:
                if self.step > self._saved:
                    self._save()
                raise self._preempted() from None
            self._log.waited(time.perf_counter() - start)
            yield batch

    def _take_step(self, batch: Batch, minimised: Minimised) -> bool:
        """Takes one optimiser step, and says whether the processes have been asked to stop."""
        self._log.faults(self.step + 1, batch.faults)
        factor = learning_rate_factor(self.step, self.config)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
        self._optimizer.zero_grad(set_to_none=True)
        batch = batch.to(self.fabric.device, self._layout)
        loss, terms = self._backward(batch, minimised)
        if self._scaler is not None:
            self._scaler.unscale_(self._optimizer.optimizer)
        norms = clip_gradients(self._model, self.config.clip)

        # All processes see the same numbers from here on, and so decide alike.
        bad, stop, loss, *means = self._agree(~loss.isfinite(), self._stop.received, loss, *terms.values())
        finite = not bad and all(bool(norm.isfinite()) for norm in norms.values())
        if finite:
            self._optimizer.step()
            self._mean.update()
            self._guard.passed()
        else:
            # A scaled loss may overflow half precision; its scale then halves until it fits. Below 1 that is not why.
            if bad or self._scaler is None or self._scaler.get_scale() < 1:
                self._guard.refuse(self.step, loss.item(), {name: norm.item() for name, norm in norms.items()}, batch)
            if self._scaler is not None:
                self._scaler.update()
        self.step += 1
        values = {"loss": loss, **dict(zip(terms, means, strict=True)), "gradient_norm": norms["backbone"]}
        self._log.add(values if finite else {}, lr=self.config.lr * factor)
        if self._due(self.config.log_every):
            self._log.write(self.step)
        if self._due(self.config.picture_every):
            self._display.write(self.step, self._log.writer)
        return bool(stop)

    def _backward(self, batch: Batch, minimised: Minimised) -> tuple[Tensor, dict[str, Tensor]]:
        pieces = self._share.parts()
        total, terms = torch.zeros((), device=self.fabric.device), dict[str, Tensor]()
        for number, part in enumerate(pieces, 1):
            images = batch if len(pieces) == 1 else batch.part(part.start, part.stop)
            places = range(self._share.start + part.start, self._share.start + part.stop)
            with self.fabric.no_backward_sync(self._wrapped, enabled=number < len(pieces)):
                losses = minimised(self._wrapped, images, self.step, places)
                self.fabric.backward(losses.total / len(pieces))
            total = total + losses.total.detach() / len(pieces)
            for name, value in losses.terms.items():
                terms[name] = terms.get(name, torch.zeros_like(total)) + value.detach() / len(pieces)
            self._display.add(images, losses.outputs, losses.mask)
        return total, terms

    def _agree(self, *values: Tensor | bool) -> list[Tensor]:
        """Means over the processes; of a flag above 0 where any has it."""
        stacked = torch.stack([torch.as_tensor(value, device=self.fabric.device).float() for value in values])
        return list(cast(Tensor, self.fabric.all_reduce(stacked, reduce_op="mean")).unbind())

    def _measures(self) -> bool:
        """Whether a measurement is due after this step."""
        return self._validation is not None and self._due(self._every or self.config.steps)

    def _validate(self) -> None:
        """Measures the weights of the checkpoint of this step, where that is due and not done yet."""
        if self._validation is None or not self.step or not self._measures():
            return
        if self.fabric.is_global_zero and self.step not in read_validation(self.run):
            # Copies, since a restorer changes memory layout and mode, and moves what it is given.
            backbone, classifier = copy.deepcopy((self.averaged.backbone, self.averaged.classifier))
            restorer = Restorer(backbone, classifier, str(self.fabric.device), RestoreOptions(precision="float32"))
            record_validation(self.run, self.step, self._validation.measure(restorer))
        self.fabric.barrier()

    def _save(self) -> None:
        state: dict[str, Any] = {
            "step": self.step,
            "log": self._log.state(),
            "display": self._display.state(),
            "updates": self._mean.updates,
            "skipped": self._guard.in_a_row,
            "model": {name: whole(tensor.detach()) for name, tensor in self._model.state_dict().items()},
            "mean": {name: whole(tensor) for name, tensor in self._mean.mean.items()},
            "optimizer": optimizer_state(self._optimizer.optimizer, self._model),
            "scaler": {} if self._scaler is None else self._scaler.state_dict(),
        }
        self.averaged.load_state_dict({**state["model"], **state["mean"]})
        if self.fabric.is_global_zero:
            save_checkpoint(self.run, self.step, self.averaged, state)
        self._saved = self.step
        self.fabric.barrier()

    def _resume(self) -> None:
        damaged: list[str] = []
        found = newest_checkpoint(self.run, damaged.append)
        if found is not None:
            state = load_state(found)
            self.step, self._mean.updates, self._guard.in_a_row = state["step"], state["updates"], state["skipped"]
            self._log.load(state["log"])
            self._display.load(state["display"])
            for name, tensor in self._model.state_dict().items():
                fill(tensor, state["model"][name])
            for name, tensor in self._mean.mean.items():
                fill(tensor, state["mean"][name])
            self.averaged.load_state_dict({**state["model"], **state["mean"]})
            load_optimizer_state(self._optimizer.optimizer, self._model, state["optimizer"])
            if self._scaler is not None:
                self._scaler.load_state_dict(state["scaler"])
        self._saved = self.step
        if self.fabric.is_global_zero:
            self._log.forget_after(self.step)
            drop_validation_after(self.run, self.step)
            for message in damaged:
                self._log.say(message)
            if damaged or 0 < self.step < self.config.steps:
                self._record_restart(damaged)
        self.fabric.barrier()

    def _record_restart(self, damaged: list[str]) -> None:
        facts = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "processes": self.fabric.world_size}
        row = {"step": self.step, **facts, **({"damaged": damaged} if damaged else {})}
        cut_torn_row(self.run / RESTARTS)
        append_row(self.run / RESTARTS, row)
