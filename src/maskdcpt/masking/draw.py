"""Which patches of a grid to leave visible, drawn at random in several manners."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

SMALLEST_BLOCK = 4
"""Patches of the smallest block. In BEiT they are 16 of 14 x 14, more than a training crop's few patches could take."""

LONGEST_BLOCK = 1 / 0.3
"""Height of the longest block as a multiple of its width, and the reverse."""


def scattered(batch: int, grid: tuple[int, int], hidden: int, generator: Generator) -> Tensor:
    """Hides a random subset of the patches of each image.

    Args:
        batch: Number of images.
        grid: Patches down and across.
        hidden: How many to hide in each image, less than there are.
        generator: The only source of randomness; the result lies on its device.

    Returns:
        bool (N, h, w), ``True`` = visible.
    """
    noise = torch.rand(batch, math.prod(grid), generator=generator, device=generator.device)
    visible = torch.zeros_like(noise, dtype=torch.bool)
    visible.scatter_(1, noise.argsort(1)[:, : math.prod(grid) - hidden], True)
    return visible.view(batch, *grid)


def blocks(batch: int, grid: tuple[int, int], hidden: int, generator: Generator) -> Tensor:
    """Hides rectangles of patches, which may overlap, until enough are hidden; of the last one only what is missing.

    The area of a rectangle is uniform between the smallest one's and what is missing, the logarithm of its aspect
    ratio uniform, and so is its place. Arguments and result are those of ``scattered``.
    """
    rows, columns = grid
    visible = torch.ones(batch, rows * columns, dtype=torch.bool, device=generator.device)
    missing = torch.full((batch, 1, 1), hidden, device=generator.device)
    while missing.any():  # one rectangle for every image, which does nothing to those that have enough
        draws = torch.rand(4, batch, 1, 1, generator=generator, device=generator.device, dtype=torch.float64)
        area = SMALLEST_BLOCK + draws[0] * (missing - SMALLEST_BLOCK).clamp_min(0)
        aspect = LONGEST_BLOCK ** (2 * draws[1] - 1)
        height = (area * aspect).sqrt().round().clamp(1, rows)
        width = (area / aspect).sqrt().round().clamp(1, columns)
        new = _somewhere(grid, height, width, draws[2:]).flatten(1) & visible
        new &= new.cumsum(1) <= missing[:, 0]
        visible &= ~new
        missing -= new.sum(1)[:, None, None]
    return visible.view(batch, rows, columns)


def squares(batch: int, grid: tuple[int, int], side: int, generator: Generator) -> Tensor:
    """Hides one square of each image at a random place.

    Args:
        batch: Number of images.
        grid: Patches down and across.
        side: Patches along a side of the square; where the grid has fewer, so has the square.
        generator: The only source of randomness; the result lies on its device.

    Returns:
        bool (N, h, w), ``True`` = visible.
    """
    height, width = (torch.tensor(min(side, extent), device=generator.device) for extent in grid)
    draws = torch.rand(2, batch, 1, 1, generator=generator, device=generator.device, dtype=torch.float64)
    return ~_somewhere(grid, height, width, draws)


def _somewhere(grid: tuple[int, int], height: Tensor, width: Tensor, draws: Tensor) -> Tensor:
    """The patches of a rectangle at a random place, bool (N, h, w).

    Args:
        grid: Patches down and across.
        height: Patches that it has down, (N, 1, 1) or a scalar, no more than the grid.
        width: The same across.
        draws: Two uniform numbers in [0, 1) for each image, (2, N, 1, 1): how far down and across it stands.
    """
    y = torch.arange(grid[0], device=draws.device)[:, None]
    x = torch.arange(grid[1], device=draws.device)
    top = (draws[0] * (grid[0] - height + 1)).floor()
    left = (draws[1] * (grid[1] - width + 1)).floor()
    return (y >= top) & (y < top + height) & (x >= left) & (x < left + width)
