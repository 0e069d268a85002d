"""Labels: the number of a sample's type, or a mark for every basic type that is mixed in it."""

from __future__ import annotations

import torch
from torch import Tensor

from maskdcpt.classes import CLEAN
from maskdcpt.data.config import DataConfig
from maskdcpt.degradations import CATALOGUE, Level
from maskdcpt.errors import UserError


def basic_types(name: str) -> tuple[str, ...]:
    """The basic types that come together in a type of damage, by its name alone.

    Raises:
        UserError: If they differ between the levels of the type.
    """
    mixes = {tuple(entry.name for entry in CATALOGUE.basic_types(level)) for level in CATALOGUE[name].levels}
    if len(mixes) > 1:
        raise UserError(f"{name!r} is a mixture of one kind or another; types says what is in it")
    return mixes.pop()


def class_title(name: str) -> str:
    """What people call a class of a classifier, which may be of a type that is not ours."""
    if name == CLEAN:
        return "No damage"
    return CATALOGUE[name].title if name in CATALOGUE.names else name.replace("_", " ").capitalize()


def clean_label(config: DataConfig) -> Tensor:
    """The label of a sample that is shown undamaged, as ``make_label``: the class ``clean``, or nothing at all."""
    if config.labels == "single":
        return torch.tensor(config.classes.index(CLEAN))
    return torch.zeros(len(config.classes))


def make_label(config: DataConfig, type_index: int, basic: tuple[str, ...], level: Level | None) -> Tensor:
    """The label of one sample.

    Args:
        config: What the labels are.
        type_index: Index of its type in ``data.types``.
        basic: Basic types in its damage, if they are known.
        level: Its damage, which tells them otherwise; the type does without.

    Returns:
        The index, an int64 scalar; with ``labels = "multi"`` float32 (classes,), 1 for what is in it and else 0.
    """
    if config.labels == "single":
        return torch.tensor(type_index)
    if not basic and level is not None:
        basic = tuple(entry.name for entry in CATALOGUE.basic_types(level))
    names = basic or basic_types(config.types[type_index])
    return torch.tensor([float(name in names) for name in config.classes])
