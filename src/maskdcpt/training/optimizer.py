"""The optimiser: which parameters learn how fast, and its state by the names of the parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from maskdcpt.backbones import layer_scales
from maskdcpt.pretraining import PretrainingModel, RestorationModel
from maskdcpt.training.config import TrainConfig
from maskdcpt.training.tensors import fill, whole


def build_optimizer(model: PretrainingModel | RestorationModel, config: TrainConfig) -> AdamW:
    """AdamW over the parts of a model.

    The part ``backbone`` learns at ``lr``, with ``layer_decay`` the slower the farther a layer is from the output; all
    other parts, decoders of pre-training, learn at ``decoder_lr``. Weight decay leaves vectors alone: biases, norms and
    scales.

    Args:
        model: Its children are the parts.
        config: Rates and decays.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for part, module in model.named_children():
        scales = layer_scales(model.backbone, config.layer_decay) if part == "backbone" else {}
        peak = config.lr if part == "backbone" else config.decoder_lr
        for name, parameter in module.named_parameters():
            decay = config.weight_decay if parameter.numel() > max(parameter.shape) else 0.0
            groups.setdefault((peak * scales.get(name, 1.0), decay), []).append(parameter)
    return AdamW(
        [{"params": params, "peak_lr": peak, "weight_decay": decay} for (peak, decay), params in groups.items()],
        betas=config.betas,
        fused=True,
    )


def optimizer_state(optimizer: Optimizer, model: nn.Module) -> dict[str, dict[str, Tensor]]:
    """The state of each parameter that has one, by its name, whole; every process has to call this."""
    return {
        name: {key: whole(value) for key, value in optimizer.state[parameter].items()}
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
    }


def load_optimizer_state(optimizer: Optimizer, model: nn.Module, state: dict[str, dict[str, Tensor]]) -> None:
    """Puts back what ``optimizer_state`` gave, whatever the number of processes was then and is now."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    values: dict[str, Any] = optimizer.state_dict()
    numbers = [number for group in values["param_groups"] for number in group["params"]]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    # The fused optimiser walks through memory, so that a mean must lie there exactly as its parameter does.
    values["state"] = {
        number: {
            key: fill(torch.empty_like(parameter), value) if value.shape == parameter.shape else value
            for key, value in state[names[parameter]].items()
        }
        for number, parameter in zip(numbers, parameters, strict=True)
        if names[parameter] in state
    }
    optimizer.load_state_dict(values)


def parts_of(model: nn.Module) -> dict[str, list[Tensor]]:
    """The parameters of each part that has some, by its name."""
    return {
        name: list(part.parameters()) for name, part in model.named_children() if any(True for _ in part.parameters())
    }


def clip_gradients(model: nn.Module, most: float) -> dict[str, Tensor]:
    """Scales the gradient of each part down to a length, and returns the lengths that they had.

    Each part on its own, so that none can slow another down by its gradient's length.

    Args:
        model: Its children are the parts.
        most: Largest length.
    """
    return {
        name: whole(torch.nn.utils.clip_grad_norm_(parameters, most)) for name, parameters in parts_of(model).items()
    }
