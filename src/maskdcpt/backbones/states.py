"""Reading the weights that others have saved: from a file to plain names and tensors, without running any code."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from zipfile import BadZipFile

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from maskdcpt.backbones.presets import FAMILIES, BackboneConfig
from maskdcpt.backbones.shapes import Shapes, rename
from maskdcpt.errors import UserError

WRAPPERS = ("params_ema", "params", "state_dict")
"""Entries of a checkpoint that hold the weights, best first."""

PREFIX = re.compile(r"^(?:module\.|net\.)+")
"""What data-parallel training, and some training frameworks, put before every name."""

NUMBERS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
"""Types of the values that weights may have."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Reads the weights in a ``.safetensors`` file or in any other file as PyTorch saves it.

    Of a checkpoint the first of ``WRAPPERS`` counts; a prefix ``module.`` or ``net.`` is dropped.

    Args:
        path: The file.

    Returns:
        Name to tensor, on the CPU.

    Raises:
        UserError: If the file is damaged, holds anything but weights, or would have to run code to be read.
    """
    content: object = read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    if isinstance(content, Mapping):
        content = next((content[key] for key in WRAPPERS if key in content), content)
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError(
            f"{path}: no weights in it; expected names and tensors, alone or as {', '.join(WRAPPERS[:-1])} "
            f"or {WRAPPERS[-1]}"
        )
    require_numbers(path, content)
    return {PREFIX.sub("", str(key)): value for key, value in content.items()}


def require_numbers(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Checks that tensors are plain arrays of floating-point numbers, no larger than what a file has of them.

    Args:
        path: Where they come from, for messages.
        tensors: Name to tensor.

    Raises:
        UserError: If one is empty, of another type or layout, or repeats what is stored once: a few bytes could then
            ask for a lot of memory.
    """
    for key, value in tensors.items():
        plain = value.dtype in NUMBERS and value.layout == torch.strided and not value.is_meta
        if not plain or not 0 < value.nbytes <= value.untyped_storage().nbytes():
            raise UserError(f"{path}: {key} is no plain array of floating-point numbers")


def recognise(path: Path, state: Mapping[str, Tensor]) -> tuple[BackboneConfig, dict[str, Tensor]]:
    """Finds out which network weights belong to.

    Args:
        path: Where they come from, for messages.
        state: Name to tensor, under the names of any known release.

    Returns:
        The network's configuration, and the weights under the names used here.

    Raises:
        UserError: If they belong to no known family, or to a network that computes something else.
    """
    for name, family in FAMILIES.items():
        if family.mark in state:
            kept = {key: value for key, value in state.items() if not (family.unused and re.match(family.unused, key))}
            renamed = rename(kept, family.renames)
            try:
                return family.infer_config(Shapes(renamed), renamed.keys() != kept.keys()), renamed
            except UserError as error:
                raise UserError(f"{path}: looks like a {name}, but cannot be one of this library: {error}") from None
            except (IndexError, ZeroDivisionError):
                raise UserError(f"{path}: looks like a {name}, but its tensors have other numbers of axes") from None
    raise UserError(
        f"{path}: weights of no known network ({', '.join(FAMILIES)}); it has {len(state)} tensors such as "
        f"{', '.join(sorted(state)[:3])}"
    )


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Reads a safetensors file.

    Raises:
        UserError: If it is damaged.
    """
    try:
        return safetensors.torch.load(path.read_bytes())
    except SafetensorError as error:
        raise UserError(f"{path}: not a whole safetensors file: {error}") from None


def _read_pickle(path: Path) -> object:
    content = path.read_bytes()
    if not content:
        raise UserError(f"{path}: an empty file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of files that PyTorch has not written; they fail below or are fine
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        if "GLOBAL" in str(error):
            raise UserError(f"{path}: holds code besides weights, which is never run; save the weights alone") from None
        raise UserError(f"{path}: damaged, or not a file of weights") from None
    except DAMAGE:
        raise UserError(f"{path}: damaged, or not a file of weights") from None


DAMAGE = (
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    ValueError,
    AttributeError,
    TypeError,
    AssertionError,
    BadZipFile,
)
"""What PyTorch raises on files that are cut short or something else altogether."""
