"""The visibility mask: one meaning from the drawing to the last layer.

``True`` means *visible*. A hidden patch contributes nothing anywhere: its features are exactly zero after every
stage, and normalisation, pooling and attention see visible positions only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.masking.draw import blocks, scattered, squares


@dataclass(frozen=True, eq=False)
class VisibleMask:
    """A grid of patches, each visible or hidden, for every image of a batch.

    Args:
        visible: bool (N, 1, h, w), one cell a patch, ``True`` = visible. Every image has a visible patch.

    Raises:
        UserError: If the shape or type is different, or an image has no visible patch.
    """

    visible: Tensor
    visible_patches: int | None = field(init=False, repr=False)
    """Visible patches of each image; None if the images differ."""
    _resized: dict[tuple[int, int], Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.visible.dtype != torch.bool or self.visible.ndim != 4 or self.visible.shape[1] != 1:
            raise UserError(
                f"a mask is a bool tensor (N, 1, h, w), not {self.visible.dtype} {tuple(self.visible.shape)}"
            )
        counts = sorted(set(self.visible.flatten(1).sum(1).tolist()))
        if not counts or counts[0] == 0:
            raise UserError("every image of a mask needs at least one visible patch")
        object.__setattr__(self, "visible_patches", counts[0] if len(counts) == 1 else None)

    @classmethod
    def random(
        cls,
        batch: int,
        grid: tuple[int, int],
        ratio: float = 0.5,
        *,
        generator: torch.Generator,
    ) -> VisibleMask:
        """Hides a random subset of patches, drawn for each image on its own (MaskDCPT, section 3: 16 px, 50 %).

        Args:
            batch: Number of images.
            grid: Patches down and across.
            ratio: Share of the patches to hide, in [0, 1). The number of visible patches is the same for every
                image: ``h * w * (1 - ratio)`` rounded half to even, and never less than one.
            generator: The only source of randomness; the mask lies on its device.

        Raises:
            UserError: If the ratio is out of range or the grid is empty.
        """
        return cls(scattered(batch, grid, _hidden(batch, grid, ratio), generator)[:, None])

    @classmethod
    def block(
        cls,
        batch: int,
        grid: tuple[int, int],
        ratio: float = 0.5,
        *,
        generator: torch.Generator,
    ) -> VisibleMask:
        """Hides blocks of patches, which clump (BEiT, arXiv 2106.08254, algorithm 1): as many as ``random`` does.

        In MaskDCPT's ablation 0.4 dB worse than ``random``. Arguments and errors are those of ``random``.
        """
        return cls(blocks(batch, grid, _hidden(batch, grid, ratio), generator)[:, None])

    @classmethod
    def square(
        cls,
        batch: int,
        grid: tuple[int, int],
        ratio: float = 0.5,
        *,
        generator: torch.Generator,
    ) -> VisibleMask:
        """Hides one square at a random place (SimMIM's movable central region, arXiv 2111.09886).

        Its side is ``sqrt(ratio * h * w)``, rounded, cut where the grid is shorter and one less where it would hide
        the whole image. So the share is only near to ``ratio``, and the same for every image. In MaskDCPT's ablation
        0.5 dB worse than ``random``. Arguments and errors are those of ``random``.
        """
        _hidden(batch, grid, ratio)  # refuses what the others refuse
        side = min(round((ratio * grid[0] * grid[1]) ** 0.5), max(grid) - 1)
        return cls(squares(batch, grid, side, generator)[:, None])

    @property
    def grid(self) -> tuple[int, int]:
        """Patches down and across."""
        return self.visible.shape[-2], self.visible.shape[-1]

    def to(self, device: torch.device | str) -> VisibleMask:
        """The same mask on another device."""
        return VisibleMask(self.visible.to(device))

    def patch_size(self, size: tuple[int, int], stride: int) -> int:
        """The side of a patch in pixels when the grid lies over an image, whose last patches may hang over.

        Args:
            size: Height and width of the image in pixels.
            stride: Total stride of the network; a patch must be a multiple of it, so that no deepest position
                straddles a visible and a hidden patch.

        Raises:
            UserError: If no such patch lets the grid cover the image without an empty row or column.
        """
        pixels = max(-(-extent // cells) for extent, cells in zip(size, self.grid, strict=True))
        patch = -(-pixels // stride) * stride
        if any((cells - 1) * patch >= extent for extent, cells in zip(size, self.grid, strict=True)):
            fitting = "x".join(str(-(-extent // patch)) for extent in size)
            raise UserError(
                f"a mask of {self.grid[0]}x{self.grid[1]} patches does not fit {size[0]}x{size[1]} pixels: patches are "
                f"square, their side a multiple of the network's stride {stride}; patches of {patch} px need {fitting}"
            )
        return patch

    def require_fit(self, x: Tensor) -> None:
        """Checks that the mask lies over feature maps (N, C, H, W).

        Raises:
            UserError: As ``require_batch``, or if its grid does not divide them.
        """
        self.require_batch(x)
        self.at((x.shape[-2], x.shape[-1]))

    def require_batch(self, x: Tensor) -> None:
        """Checks that the mask goes with a batch (N, C, H, W), whatever its height and width.

        Raises:
            UserError: If it is for another number of images or on another device.
        """
        if len(self.visible) != len(x):
            raise UserError(f"a mask for {len(self.visible)} images does not fit a batch of {len(x)}")
        if self.visible.device != x.device:
            raise UserError(
                f"a mask on {self.visible.device} does not fit images on {x.device}; move it with mask.to()"
            )

    def at(self, size: tuple[int, int]) -> Tensor:
        """The mask at the resolution of a feature map, bool (N, 1, H, W).

        Args:
            size: Height and width, each a multiple of the grid's.
        """
        key = (int(size[0]), int(size[1]))
        if key not in self._resized:
            rows, columns = (extent // cells for extent, cells in zip(key, self.grid, strict=True))
            if (rows * self.grid[0], columns * self.grid[1]) != key:
                raise UserError(f"a mask of {self.grid[0]}x{self.grid[1]} patches does not divide a {key} map")
            with torch.inference_mode(False):  # what is kept may serve a training step next
                self._resized[key] = self.visible.repeat_interleave(rows, -2).repeat_interleave(columns, -1)
        return self._resized[key]


def _hidden(batch: int, grid: tuple[int, int], ratio: float) -> int:
    """How many patches of an image are hidden; refuses what no mask can have."""
    rows, columns = grid
    if not 0 <= ratio < 1:
        raise UserError(f"mask ratio is {ratio}; the share of hidden patches lies in [0, 1)")
    if min(batch, rows, columns) < 1:
        raise UserError(f"a mask needs at least one image and one patch, not batch {batch}, grid {grid}")
    return rows * columns - max(1, round(rows * columns * (1 - ratio)))


STYLES: Mapping[str, Callable[..., VisibleMask]] = MappingProxyType(
    {"random": VisibleMask.random, "block": VisibleMask.block, "square": VisibleMask.square}
)
"""The manners of drawing a mask by their names; all take the same arguments."""
