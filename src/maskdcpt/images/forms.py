"""Between the forms that images have in memory elsewhere and the one they have here."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maskdcpt.errors import UserError

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

ImageT = TypeVar("ImageT", Array, Image.Image, Tensor)
"""An image in memory: see ``to_tensor`` for what is accepted."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey value (ITU-R BT.601), as in Pillow's "L"."""


def to_tensor(image: Array | Image.Image | Tensor) -> Tensor:
    """Brings an image into the inner form.

    Args:
        image: One of: an array (H, W, 3) or grey (H, W), unsigned integers of 8 or 16 bits or floats in [0, 1]; a
            Pillow image of mode RGB or L, taken as its pixels stand, whatever its EXIF says about orientation; a
            tensor (3, H, W) of floats in [0, 1].

    Returns:
        RGB (3, H, W), float32 in [0, 1], on the device of the image.

    Raises:
        UserError: If it is none of these, is empty, or has values outside [0, 1] or that are not numbers.
    """
    if isinstance(image, Image.Image):
        if image.mode not in ("RGB", "L"):
            raise UserError(f"a Pillow image has to be of mode RGB or L, not {image.mode}; try image.convert('RGB')")
        image = np.asarray(image)
    if isinstance(image, np.ndarray):
        pixels = _from_array(image)
    elif isinstance(image, Tensor) and image.ndim == 3 and image.shape[0] == 3 and image.is_floating_point():
        pixels = image.detach().float()
        if not pixels.numel():
            raise UserError(f"an image needs a pixel or more, not the shape {tuple(image.shape)}")
        require_range(*(bound.item() for bound in pixels.aminmax()))
    elif isinstance(image, Tensor):
        raise UserError(f"a tensor has to be (3, H, W) of floats in [0, 1], not {tuple(image.shape)} of {image.dtype}")
    else:
        raise UserError(f"an image is an array, a Pillow image, a tensor or a path, not a {type(image).__name__}")
    return pixels


def require_range(low: float, high: float) -> None:
    """Refuses an image by its lowest and highest value.

    Raises:
        UserError: If they lie outside [0, 1], or are not numbers.
    """
    if not (low >= 0 and high <= 1):  # false for NaN as well
        raise UserError(f"the values of an image have to be in [0, 1], not from {low:g} to {high:g}")


def require_array(array: Array, channels: tuple[int, ...]) -> None:
    """Refuses an array that is no image, by its shape, its type and, of floats, its values.

    Args:
        array: The array.
        channels: How many it may have, if it has a third axis.

    Raises:
        UserError: If it is none.
    """
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in channels):
        shapes = ", ".join(f"(H, W, {count})" for count in channels)
        raise UserError(f"an array has to be {shapes} or (H, W), not {array.shape}")
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise UserError(f"an array has to be of uint8, uint16 or floats in [0, 1], not {array.dtype}")
    if not array.size:
        raise UserError(f"an image needs a pixel or more, not the shape {array.shape}")
    if array.dtype.kind == "f":
        require_range(array.min().item(), array.max().item())


def from_tensor(pixels: Tensor, like: ImageT) -> ImageT:
    """Brings an image from the inner form into that of another.

    Args:
        pixels: RGB (3, H, W) in [0, 1].
        like: The image whose kind (of array, Pillow image or tensor) and, if it is a tensor, device is wanted; grey
            arrays and Pillow images give grey ones. A Pillow image hands on its ``info`` as well.
    """
    if isinstance(like, Tensor):
        return pixels.to(like.device, like.dtype)
    if isinstance(like, Image.Image):
        grey = like.mode == "L"
        image = Image.fromarray(_to_array(pixels, np.dtype(np.uint8), grey))
        image.info = dict(like.info)
        return image
    return _to_array(pixels, like.dtype, grey=like.ndim == 2)


def to_pil(pixels: Tensor) -> Image.Image:
    """The image (3, H, W) in [0, 1] as a Pillow image, each value rounded to the nearest of 256 levels."""
    return Image.fromarray(_to_array(pixels, np.dtype(np.uint8), grey=False))


def _from_array(array: Array) -> Tensor:
    require_array(array, (3,))
    # Channels are put one after another before values get four times as large.
    planes = np.ascontiguousarray(array.transpose(2, 0, 1) if array.ndim == 3 else array)
    values = planes.astype(np.float32)
    if array.dtype.kind == "u":
        values /= np.iinfo(array.dtype).max
    pixels = torch.from_numpy(values)
    return pixels.repeat(3, 1, 1) if array.ndim == 2 else pixels


def _to_array(pixels: Tensor, dtype: np.dtype[Any], grey: bool) -> Array:
    values = pixels.detach().cpu().double()
    values = torch.einsum("c,chw->hw", values.new_tensor(LUMA), values) if grey else values.permute(1, 2, 0)
    if dtype.kind == "u":
        values = (values.clamp(0, 1) * np.iinfo(dtype).max).round()
    array: Array = values.contiguous().numpy().astype(dtype)
    return array
