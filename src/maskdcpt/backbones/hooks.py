"""Running a network that knows nothing of this library up to its head, with a hand on the outputs of named stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from maskdcpt.errors import UserError


class _HeadReached(BaseException):
    """Ends a forward pass where the head begins. No ``Exception``, so that no handler in the module catches it."""


def run_to_head(
    module: nn.Module, x: Tensor, stages: Sequence[str], head: str, change: Callable[[Tensor], Tensor]
) -> tuple[dict[str, Tensor], Tensor]:
    """Runs a module until its head is called; the head and what follows it do not run.

    The hooks live as long as the call, errors included, and act in the calling thread alone.

    Args:
        module: Takes the images.
        x: Images (N, 3, H, W).
        stages: Dotted names of submodules whose outputs are changed and kept.
        head: Dotted name of the submodule to stop at.
        change: From the output (N, C, H, W) of a stage, or the input of the head, to what the module goes on with.

    Returns:
        The changed outputs of the stages, in the order of their calls, and the changed input of the head.

    Raises:
        UserError: If a stage is not called exactly once before the head, or a stage or the head is not given or does
            not give one feature map.
    """
    outputs: dict[str, Tensor] = {}
    last: list[Tensor] = []
    thread, gradients = get_ident(), torch.is_grad_enabled()

    def keep(name: str, _module: nn.Module, _inputs: object, output: object) -> Tensor | None:
        if get_ident() != thread:
            return None
        if name in outputs:
            raise UserError(f"stage {name!r} is called more than once in a forward pass; name one that is called once")
        if torch.is_grad_enabled() != gradients:
            raise UserError(
                f"stage {name!r} runs without gradients, inside no_grad or gradient checkpointing; name one outside"
            )
        outputs[name] = change(_feature_map(f"the output of stage {name!r}", output))
        return outputs[name]

    def stop(_module: nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        if get_ident() != thread:
            return
        if len(inputs) != 1 or options:
            raise UserError(f"head {head!r} takes more than the last features; name a layer that takes one tensor")
        last.append(change(_feature_map(f"the input of head {head!r}", inputs[0])))
        raise _HeadReached

    with ExitStack() as hooks:
        for name in stages:
            hooks.enter_context(module.get_submodule(name).register_forward_hook(partial(keep, name)))
        # First in line, so that hooks of others on the head run once, when the head does.
        hooks.enter_context(module.get_submodule(head).register_forward_pre_hook(stop, prepend=True, with_kwargs=True))
        try:
            module(x)
        except _HeadReached:
            pass
        else:
            raise UserError(f"head {head!r} is not called in a forward pass; name the layer that every image ends with")
    for name in stages:
        if name not in outputs:
            raise UserError(f"stage {name!r} is not called before head {head!r}; name one on every image's way there")
    return outputs, last[0]


def _feature_map(what: str, value: object) -> Tensor:
    if isinstance(value, Tensor) and value.ndim == 4:
        return value
    found = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
    raise UserError(f"{what} is {found}; it must be one feature map (N, C, H, W)")
