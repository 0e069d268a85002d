"""Recipes that come with the package: TOML files named ``<kind>-<preset>.toml``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

from maskdcpt.errors import UserError, nearest

Kind = Literal["pretrain", "finetune", "classifier", "data", "study"]


def find_recipe(kind: Kind, name: str) -> Path:
    """The file of a recipe.

    Args:
        kind: What it is a recipe for.
        name: A preset, with or without ``.toml``, or the path of a TOML file, which goes first.

    Raises:
        UserError: If there is neither.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if path.is_file():
            return path
        if name.removesuffix(".toml") not in presets(kind):
            raise UserError(f"{name}: no such recipe file")
        name = name.removesuffix(".toml")
    if name not in presets(kind):
        raise UserError(f"no {kind} recipe is called {name!r}{nearest(name, presets(kind))}; a file ends in .toml")
    return _folder() / f"{kind}-{name}.toml"


def presets(kind: Kind) -> list[str]:
    """Names of the recipes of a kind that come with the package."""
    return sorted(path.stem.removeprefix(f"{kind}-") for path in _folder().glob(f"{kind}-*.toml"))


def _folder() -> Path:
    return Path(str(files("maskdcpt.recipes")))
