"""What all metrics do to images before they measure: check them, crop the border, round, take luma."""

from __future__ import annotations

import torch
from torch import Tensor

from maskdcpt.errors import UserError

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Weights of R'G'B' in [0, 1] in the luma of ITU-R BT.601 as video stores it, from 16 to 235 of 255."""
LUMA_OFFSET = 16 / 255
"""Luma of black."""


def check_image(image: Tensor, title: str) -> Tensor:
    """An image or batch as float64.

    Args:
        image: (3, H, W) or (N, 3, H, W) of floats.
        title: What messages call it.

    Raises:
        UserError: If it has another shape or type, is empty, or holds values that are not finite.
    """
    if image.ndim not in (3, 4) or image.shape[-3] != 3 or not image.numel():
        raise UserError(f"metrics take RGB images (3, H, W) or (N, 3, H, W), not {tuple(image.shape)}")
    if not image.is_floating_point():
        raise UserError(f"the {title} has to hold floats in [0, 1], not {image.dtype}")
    if not image.isfinite().all():
        raise UserError(f"the {title} holds values that are not finite numbers")
    return image.double()


def check_pair(restored: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Both images as float64.

    Raises:
        UserError: If they differ in shape, or one of them is no image.
    """
    if restored.shape != reference.shape:
        raise UserError(
            f"a restored image {tuple(restored.shape)} and a reference {tuple(reference.shape)} cannot be compared"
        )
    return check_image(restored, "restored image"), check_image(reference, "reference")


def prepare(image: Tensor, *, bits: int | None = None, luma: bool = False, border: int = 0) -> Tensor:
    """Crops, rounds and takes luma, in this order.

    Args:
        image: (..., 3, H, W) in [0, 1].
        bits: Round to the 2**bits shades that a file of so many bits a channel holds, clipping to [0, 1]; None leaves
            the values as they are.
        luma: Whether to give luma by BT.601 in [16/255, 235/255] instead of colours; it is not rounded again.
        border: Pixels to leave out at each of the four sides.

    Returns:
        (..., 3, H - 2 border, W - 2 border), or with one channel for luma.

    Raises:
        UserError: If ``bits`` or ``border`` make no sense, or nothing is left of the image.
    """
    if bits is not None and bits not in range(1, 17):
        raise UserError(f"bits is {bits}; an image has from 1 to 16 bits a channel, or None without rounding")
    if border < 0 or 2 * border >= min(image.shape[-2:]):
        size = f"{image.shape[-1]} x {image.shape[-2]}"
        raise UserError(f"border is {border}; it is 0 or more and leaves something of an image of {size} pixels")
    if border:
        image = image[..., border:-border, border:-border]
    if bits is not None:
        shades = 2**bits - 1
        image = (image.clamp(0, 1) * shades).round() / shades
    if luma:
        weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device).view(3, 1, 1)
        image = (image * weights).sum(-3, keepdim=True) + LUMA_OFFSET
    return image
