"""Convolution of the visible patches of an image, without the hidden ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_weight

from maskdcpt.masking.rows import from_rows, to_rows


class Convolution(NamedTuple):
    """A convolution that keeps the resolution (odd square kernel, stride 1, padding of half of it), as a function."""

    weight: Tensor
    """(outputs, inputs / groups, k, k)"""
    bias: Tensor | None
    """(outputs,)"""
    groups: int
    """Groups of channels that are convolved apart."""

    def __call__(self, x: Tensor) -> Tensor:
        """Maps (N, inputs, H, W) to (N, outputs, H, W)."""
        return F.conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2, groups=self.groups)


def halves(module: nn.Conv2d) -> tuple[Convolution, Convolution]:
    """What makes the first and the latter half of a convolution's outputs, from its own half of the inputs if grouped.

    Two results in one piece each are read faster than the two halves of one.
    """
    weights = module.weight.chunk(2)
    biases = (None, None) if module.bias is None else module.bias.chunk(2)
    groups = 1 if module.groups == 1 else module.groups // 2
    return Convolution(weights[0], biases[0], groups), Convolution(weights[1], biases[1], groups)


def convolve_tiles(convolution: nn.Conv2d | Convolution, x: Tensor, neighbourhoods: Tensor) -> Tensor:
    """Convolves patches that stand one under another, each within its own neighbourhood.

    Args:
        convolution: Odd square kernel, stride 1, padding of half the kernel.
        x: Patches (N, C, m p, p).
        neighbourhoods: For each patch, which positions of x lie in and around it, int64 (N m, p + 2r, p + 2r) for a
            kernel of 2r + 1; the number of positions means none, where zero stands.

    Returns:
        (N, outputs, m p, p)
    """
    weight, bias = convolution.weight, convolution.bias
    # Autocast does not reach into a function with its own gradient, and leaves double precision alone.
    if torch.is_autocast_enabled(x.device.type) and x.dtype != torch.float64:
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight, bias = x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    y: Tensor = _TileConvolution.apply(  # type: ignore[no-untyped-call]
        x, weight, bias, neighbourhoods, convolution.groups
    )
    return y


class _TileConvolution(torch.autograd.Function):
    """Its gradient for the patches is such a convolution again: position a reaches b just as b reaches a.

    That gradient has none itself.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, neighbourhoods: Tensor, groups: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight, neighbourhoods)
        ctx.groups, ctx.has_bias = groups, bias is not None
        y = F.conv2d(_tiles(x, neighbourhoods), weight, bias, groups=groups)
        return from_rows(to_rows(y), *x.shape[-2:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, neighbourhoods = ctx.saved_tensors
        wanted_x, wanted_weight = ctx.needs_input_grad[:2]
        for_x = for_weight = None
        if wanted_x:
            around = _tiles(gradient, neighbourhoods)
            for_x = F.conv2d(around, _transposed(weight, ctx.groups), groups=ctx.groups)
            for_x = from_rows(to_rows(for_x), *x.shape[-2:])
        if wanted_weight:
            own = from_rows(to_rows(gradient), x.shape[-1], x.shape[-1])
            for_weight = conv2d_weight(  # type: ignore[no-untyped-call]
                _tiles(x, neighbourhoods), weight.shape, own, groups=ctx.groups
            )
        for_bias = gradient.sum((0, 2, 3)) if ctx.has_bias else None
        return for_x, for_weight, for_bias, None, None


def _tiles(x: Tensor, neighbourhoods: Tensor) -> Tensor:
    """Each patch with what lies around it, (N m, C, p + 2r, p + 2r)."""
    rows = to_rows(x)
    rows = torch.cat([rows, rows.new_zeros(1, rows.shape[1])])  # the last row is what lies nowhere
    return from_rows(rows.index_select(0, neighbourhoods.flatten()), *neighbourhoods.shape[1:])


def _transposed(weight: Tensor, groups: int) -> Tensor:
    """The kernel by which the gradient of the output reaches the input: turned round, in- and outputs swapped."""
    outputs, inputs, *kernel = weight.shape
    grouped = weight.reshape(groups, outputs // groups, inputs, *kernel).transpose(1, 2)
    return grouped.flip(-2, -1).reshape(groups * inputs, outputs // groups, *kernel)
