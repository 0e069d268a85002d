"""What can be found out about an unknown network by showing it a few random images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from maskdcpt.backbones.base import FeatureInfo
from maskdcpt.backbones.hooks import run_to_head
from maskdcpt.errors import UserError, nearest

SIDES = (64, 32)
"""Pixels that the shorter side has at least: when strides are measured, half of it; when the rest is."""


class Findings(NamedTuple):
    """What a probe has found."""

    stride: int
    """Image sides must be multiples of it."""
    features: tuple[FeatureInfo, ...]
    """The features by the names they were given."""
    residual: bool
    """Whether the module adds its input to the head's output."""
    depths: dict[str, int]
    """For every submodule that is called, and the module itself under "", how many stages have ended before."""


def probe(module: nn.Module, features: Sequence[str], stages: Sequence[str], head: str, stride: int | None) -> Findings:
    """Runs a module a few times on random images, in evaluation mode, and leaves it as it was.

    Args:
        module: The network.
        features: Dotted names of submodules, fine to coarse.
        stages: The same and more names.
        head: Dotted name of the last submodule.
        stride: Image sides are multiples of it; measured if None.

    Raises:
        UserError: If the module is none that can be adapted, or not with these names.
    """
    _require_names(module, [*stages, head])
    like = _require_ready(module)
    if stride is not None and stride < 1:
        raise UserError(f"stride is {stride}; it is a number of pixels, 1 or more")
    generator = torch.Generator().manual_seed(0)

    def image(height: int, width: int) -> Tensor:
        return torch.rand(1, 3, height, width, generator=generator).to(like)

    # Tensors of inference mode do not tell whether they were changed in place.
    with torch.inference_mode(False), torch.no_grad(), _undisturbed(module, like.device):
        # Sides of 2 : 3, and a stride that must be the same along both, tell maps of the image from pools of a
        # fixed size and from channels that come last.
        unit = (stride or 1) * math.ceil(SIDES[0] / (stride or 1))
        measured, depths = _measure(module, stages, head, image(2 * unit, 3 * unit))
        if stride is not None and stride % measured:
            raise UserError(f"stride is {stride}, but the module has layers at a stride of {measured}; use a multiple")
        stride = stride or measured
        count = max(3, math.ceil(SIDES[1] / stride)) | 1  # odd, so that no larger stride does by chance
        x = image(count * stride, (count + 2) * stride)
        residual = _adds_input(module, head, x, torch.randn(x.shape, generator=generator).to(like))
        return Findings(stride, _describe(module, features, stages, head, x), residual, depths)


def _require_names(module: nn.Module, names: Sequence[str]) -> None:
    known = [name for name, _ in module.named_modules(remove_duplicate=False) if name]
    for name in names:
        if name not in known:
            raise UserError(f"the module has no submodule {name!r}{nearest(name, known)}")
    if len(set(names)) != len(names):
        raise UserError(f"every stage is named once, and none is the head: {', '.join(map(repr, names))}")


def _require_ready(module: nn.Module) -> Tensor:
    """A tensor of the type and on the device that the module's images need."""
    for part in module.modules():
        if hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None:
            raise UserError("a compiled module does not heed hooks; adapt the module itself, and compile it afterwards")
    tensors = list(chain(module.parameters(), module.buffers()))
    if any(is_lazy(tensor) or tensor.is_meta for tensor in tensors):
        raise UserError("the module has no weights yet (lazy, or on the meta device); make them before it is adapted")
    return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.empty(0))


@contextmanager
def _undisturbed(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode; flags, buffers and the random state are afterwards what they were."""
    training = [(part, part.training) for part in module.modules()]
    buffers = [
        (part, name, buffer, buffer.clone())
        for part in module.modules()
        for name, buffer in part.named_buffers(recurse=False)
    ]
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            module.eval()
            yield
    finally:
        for part, flag in training:
            part.training = flag
        for part, name, buffer, value in buffers:
            buffer.copy_(value)
            setattr(part, name, buffer)


def _run(module: nn.Module, x: Tensor) -> object:
    try:
        return module(x)
    except Exception as error:
        if isinstance(error, UserError):
            raise
        height, width = x.shape[-2:]
        reason = next(iter(str(error).splitlines()), "")
        raise UserError(
            f"the module fails on one image of {height}x{width} pixels ({type(error).__name__}: {reason}); it must "
            "take images (N, 3, H, W) alone; if their sides must be multiples of something, give it as the stride"
        ) from error


def _measure(module: nn.Module, stages: Sequence[str], head: str, x: Tensor) -> tuple[int, dict[str, int]]:
    """The least common multiple of all layers' strides, and the depths of the submodules."""
    strides = {1}
    depths: dict[str, int] = {}
    passed = 0
    ends = {module.get_submodule(name) for name in stages}
    start = module.get_submodule(head)

    with ExitStack() as hooks:
        for name, part in module.named_modules():

            def enter(part: nn.Module, _inputs: object, name: str = name) -> None:
                nonlocal passed
                passed += part is start
                depths.setdefault(name, passed)

            def leave(part: nn.Module, _inputs: object, output: object) -> None:
                nonlocal passed
                passed += part in ends
                stride = _stride(x, output) if isinstance(output, Tensor) and output.ndim == 4 else None
                strides.add(stride or 1)

            hooks.enter_context(part.register_forward_pre_hook(enter))
            hooks.enter_context(part.register_forward_hook(leave))
        _run(module, x)
    return math.lcm(*strides), depths


def _stride(x: Tensor, output: Tensor) -> int | None:
    """Pixels of an image for one position of a feature map; None if it is no whole number or not the same both ways."""
    (height, width), (rows, columns) = x.shape[-2:], output.shape[-2:]
    stride = height // rows if rows else 0
    return stride if (stride * rows, stride * columns) == (height, width) else None


def _adds_input(module: nn.Module, head: str, x: Tensor, signal: Tensor) -> bool:
    """Whether the module's result is the head's output plus the module's input, rather than the head's output alone.

    The head's output is replaced by noise, which shows anything else that is done to it, even where a fresh head's
    own output is zero and a clamp changes nothing.
    """
    calls = 0

    def replace(_module: nn.Module, _inputs: object, output: object) -> Tensor:
        nonlocal calls
        calls += 1
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        if shape != tuple(x.shape):
            raise UserError(
                f"head {head!r} is not the last layer: from images {tuple(x.shape)} it makes {shape}; "
                "if the module pads images, give what it pads their sides to as the stride"
            )
        return signal.clone()

    with module.get_submodule(head).register_forward_hook(replace):
        result = _run(module, x)
    if calls != 1:
        raise UserError(f"head {head!r} is called {calls} times in a forward pass; it must be called once, at the end")
    if not isinstance(result, Tensor):
        raise UserError(f"the module returns a {type(result).__name__}; it must return the restored images alone")
    if result.shape != x.shape:
        raise UserError(f"the module makes {tuple(result.shape)} of images {tuple(x.shape)}; it must keep their size")
    tolerance = 32 * torch.finfo(x.dtype).eps
    for residual in (False, True):
        if torch.allclose(result, signal + x if residual else signal, rtol=0, atol=tolerance):
            return residual
    raise UserError(
        f"head {head!r} is not the last layer: the result is neither its output nor its output plus the image; "
        "name the layer after which nothing but the image is added, and leave out clamps and scales behind it"
    )


def _describe(
    module: nn.Module, features: Sequence[str], stages: Sequence[str], head: str, x: Tensor
) -> tuple[FeatureInfo, ...]:
    seen: list[tuple[Tensor, int]] = []

    def note(z: Tensor) -> Tensor:
        seen.append((z, z._version))
        return z

    outputs, last = run_to_head(module, x, stages, head, note)
    module.get_submodule(head)(last)
    height, width = x.shape[-2:]
    for name, (z, version) in zip([*outputs, head], seen, strict=True):
        what = f"the input of head {name!r}" if name == head else f"the output of stage {name!r}"
        if _stride(x, z) is None:
            raise UserError(f"{what} is {z.shape[-2]}x{z.shape[-1]}, no whole fraction of the image, {height}x{width}")
        if z._version != version:
            raise UserError(f"{what} is changed in place by a later layer; make that layer not work in place")
    infos = tuple(FeatureInfo(name, outputs[name].shape[1], _stride(x, outputs[name]) or 1) for name in features)
    strides = [info.stride for info in infos]
    if strides != sorted(strides):
        raise UserError(
            "features go from fine to coarse, not " + ", ".join(f"{info.name} (stride {info.stride})" for info in infos)
        )
    return infos
