"""How the layers of a network see its feature maps: whole, or blind to the hidden patches of a mask.

A network is written once, against ``View``. Point-wise layers need nothing of it; what mixes positions goes through
it: convolutions through ``mix``, sums over the whole image through ``mean`` and ``cosine``, and what needs the image's
own geometry between ``leave`` and ``enter``. Networks also tell the view their ``part``s and what lies ``below`` a step
down, so that an image too large for the memory can be worked on in tiles (``maskdcpt.inference.tiling``), with the same
result. Two views of a masked image give the same numbers: ``ZeroedView`` keeps hidden positions as zeros and
reads like the definition; ``GatheredView`` keeps visible positions only, so that hidden ones cost nothing in all layers
that do not ``leave``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskdcpt.errors import UserError
from maskdcpt.masking.convolution import Convolution, convolve_tiles
from maskdcpt.masking.mask import VisibleMask
from maskdcpt.masking.rows import from_rows, to_rows

Levels: TypeAlias = tuple[list[Tensor], list[Tensor]]
"""Feature maps of the levels of a U-Net from one down, fine to coarse: on the way up, and on the way down."""


class View:
    """A view that hides nothing, and the interface of the others."""

    def enter(self, x: Tensor) -> Tensor:
        """From a feature map (N, C, H, W) to what the layers work on; what stood in hidden positions is gone.

        Raises:
            UserError: If the mask does not fit the feature map.
        """
        return x

    def leave(self, x: Tensor) -> Tensor:
        """The inverse of ``enter``; hidden positions are zero."""
        return x

    def hide(self, x: Tensor) -> Tensor:
        """Clears what a bias has put into hidden positions, so that sums over positions do not see it."""
        return x

    def mix(self, convolution: nn.Conv2d | Convolution, x: Tensor) -> Tensor:
        """Runs a convolution that keeps the resolution. Hidden positions of x may hold anything.

        Args:
            convolution: Odd square kernel, stride 1, padding of half the kernel.
            x: What the layers work on.
        """
        y: Tensor = convolution(x)
        return y

    def mean(self, x: Tensor) -> Tensor:
        """Mean over the visible positions of each image, (N, C, 1, 1).

        Dividing by the number of visible positions keeps the statistics of pre-training (half the patches hidden) at
        the strength they have in fine-tuning (none hidden).
        """
        return x.mean((2, 3), keepdim=True)

    def cosine(self, q: Tensor, k: Tensor) -> Tensor:
        """How similar channels are over the visible positions of each image, (N, heads, C / heads, C / heads).

        Args:
            q: (N, heads, C / heads, H, W), zero in hidden positions.
            k: As ``q``.

        Returns:
            The cosine between each channel of q (rows) and each of k (columns) within a head.
        """
        q, k = _positions(q), _positions(k)
        # Queries are scaled before the sum over positions, which half precision could not hold, keys after it.
        return torch.einsum("nphc,nphd->nhcd", q / _length(q), k) / _length(k).permute(0, 2, 1, 3)

    def spread(self, x: Tensor, over: Tensor) -> Tensor:
        """Resizes a small map to that of the whole image, bilinearly.

        Args:
            x: (N, C, h, w)
            over: What the layers work on; the result goes with it.
        """
        return self.enter(F.interpolate(x, self.size(over), mode="bilinear"))

    def part(self, function: Callable[..., Tensor], *inputs: Tensor, reach: int, wraps: bool = False) -> Tensor:
        """Computes a part of the network.

        Args:
            function: Takes the inputs and the view, and gives one feature map.
            inputs: What the layers work on.
            reach: How many positions of the finest input around a position its result depends on; sums over the whole
                image, made through the view, do not count.
            wraps: Whether it reaches across the image's opposite borders.
        """
        return function(*inputs, self)

    def below(self, function: Callable[[list[Tensor], View], Levels], handed: list[Tensor]) -> Levels:
        """Computes all that lies below a step down in a U-Net.

        Args:
            function: Takes the list and the view. It must not hold on to feature maps of finer levels.
            handed: What comes from above, alone in a list that the function takes it out of, so that nobody else keeps
                this large map when the function no longer needs it.
        """
        return function(handed, self)

    def size(self, x: Tensor) -> tuple[int, int]:
        """Height and width of the whole feature map."""
        return x.shape[-2], x.shape[-1]

    def visible(self, size: tuple[int, int]) -> Tensor | None:
        """Which positions of a whole feature map are visible, bool (N, 1, H, W); None if all are."""
        return None


def _positions(x: Tensor) -> Tensor:
    """From (N, heads, C / heads, H, W) to (N, H W, heads, C / heads); free of copies when x is channels-last."""
    return x.permute(0, 3, 4, 1, 2).flatten(1, 2)


def _length(x: Tensor) -> Tensor:
    """Euclidean length over the positions, (N, 1, heads, C); faster than ``torch.linalg.vector_norm`` on a CPU."""
    accurate = torch.promote_types(x.dtype, torch.float32)
    return x.to(accurate).square().sum(1, keepdim=True).clamp_min(SHORTEST**2).sqrt().to(x.dtype)


SHORTEST = 1e-6
"""Shortest vector over the positions that is scaled to length 1; half precision can still hold it."""


EVERYTHING = View()
"""The view of a network that is used without a mask."""


class ZeroedView(View):
    """Hidden positions stay in the feature maps, as zeros.

    Args:
        mask: Which patches are visible.
    """

    def __init__(self, mask: VisibleMask) -> None:
        self.mask = mask

    def enter(self, x: Tensor) -> Tensor:
        """See the base class."""
        self.mask.require_fit(x)
        return self.hide(x)

    def leave(self, x: Tensor) -> Tensor:
        """See the base class."""
        return self.hide(x)

    def hide(self, x: Tensor) -> Tensor:
        """See the base class; NaN is cleared as well."""
        return torch.where(self.mask.at(self.size(x)), x, 0.0)

    def mix(self, convolution: nn.Conv2d | Convolution, x: Tensor) -> Tensor:
        """See the base class."""
        return super().mix(convolution, self.hide(x))

    def mean(self, x: Tensor) -> Tensor:
        """See the base class."""
        accurate = torch.promote_types(x.dtype, torch.float32)  # half precision could not hold the sum
        total = self.hide(x).sum((2, 3), keepdim=True, dtype=accurate)
        return (total / self.visible(self.size(x)).sum((2, 3), keepdim=True)).to(x.dtype)

    def visible(self, size: tuple[int, int]) -> Tensor:
        """See the base class."""
        return self.mask.at(size)


class GatheredView(View):
    """The visible patches of each image stand one under another, as one tall image (N, C, m p, p).

    There m is the number of visible patches, the same for every image, and p the side of a patch at the resolution of
    the feature map. Layers that treat each position, each patch or each whole image alike work on it as they are.

    Args:
        mask: Which patches are visible; the same number in every image.

    Raises:
        UserError: If the images differ in how many are visible.
    """

    def __init__(self, mask: VisibleMask) -> None:
        if mask.visible_patches is None:
            raise UserError("gathered patches need as many visible ones in every image; view_of(mask) takes any mask")
        self.mask = mask
        images, (rows, columns) = len(mask.visible), mask.grid
        order = mask.visible.flatten(1).to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        patch = order[:, : mask.visible_patches]  # (N, m), in the order of reading
        image = torch.arange(images, device=patch.device)[:, None]
        self._row = (image * rows + patch // columns).flatten()  # the images of the batch one under another
        self._column = (patch % columns).flatten()
        self._positions: dict[int, Tensor] = {}
        self._neighbourhoods: dict[tuple[int, int], Tensor] = {}

    def enter(self, x: Tensor) -> Tensor:
        """See the base class."""
        self.mask.require_fit(x)
        side = x.shape[-2] // self.mask.grid[0]
        rows = to_rows(x).index_select(0, self.positions(side))
        return from_rows(rows, len(rows) // len(x) // side, side)

    def leave(self, x: Tensor) -> Tensor:
        """See the base class."""
        height, width = self.size(x)
        everywhere = x.new_zeros(len(x) * height * width, x.shape[1])
        return from_rows(everywhere.index_copy(0, self.positions(x.shape[-1]), to_rows(x)), height, width)

    def mix(self, convolution: nn.Conv2d | Convolution, x: Tensor) -> Tensor:
        """See the base class: each patch is convolved with the borders of its visible neighbours around it."""
        margin = convolution.weight.shape[-1] // 2
        return convolve_tiles(convolution, x, self.neighbourhoods(x.shape[-1], margin))

    def size(self, x: Tensor) -> tuple[int, int]:
        """See the base class."""
        return self.mask.grid[0] * x.shape[-1], self.mask.grid[1] * x.shape[-1]

    def visible(self, size: tuple[int, int]) -> Tensor:
        """See the base class."""
        return self.mask.at(size)

    def positions(self, side: int) -> Tensor:
        """Where each visible position stands among all positions of the batch, int64 (N m p p).

        Args:
            side: Positions along a patch.
        """
        if side not in self._positions:
            step = torch.arange(side, device=self._row.device)
            y = self._row[:, None, None] * side + step[:, None]
            x = self._column[:, None, None] * side + step
            self._positions[side] = (y * (self.mask.grid[1] * side) + x).flatten()
        return self._positions[side]

    def neighbourhoods(self, side: int, margin: int) -> Tensor:
        """Which visible positions lie in and around each visible patch, int64 (N m, p + 2 margin, p + 2 margin).

        Hidden ones, and those outside the image, have the number that follows the last visible position.

        Args:
            side: Positions along a patch.
            margin: Positions around it.
        """
        if (side, margin) not in self._neighbourhoods:
            positions = self.positions(side)
            size = (len(self.mask.visible), self.mask.grid[0] * side, self.mask.grid[1] * side)
            nowhere = len(positions)
            numbers = positions.new_full((size[0] * size[1] * size[2],), nowhere)
            numbers[positions] = torch.arange(nowhere, device=positions.device)
            padded = F.pad(numbers.reshape(size), [margin] * 4, value=nowhere)
            reach = side + 2 * margin
            tiles = padded.unfold(1, reach, side).unfold(2, reach, side)  # (N, h, w, reach, reach)
            tiles = tiles.flatten(0, 1)[self._row, self._column]
            self._neighbourhoods[side, margin] = tiles
        return self._neighbourhoods[side, margin]


def view_of(mask: VisibleMask | None) -> View:
    """The fastest view of a masked image: gathered where every image has as many visible patches as the others."""
    if mask is None or mask.visible_patches == mask.grid[0] * mask.grid[1]:
        return EVERYTHING
    return ZeroedView(mask) if mask.visible_patches is None else GatheredView(mask)
