"""The weights that come with the package, in the folder ``default``, and the name that stands for them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from maskdcpt.errors import UserError

BUNDLED = "default"
"""The name. It wins over a folder that is called so; such a folder is ``./default``."""


def find_named(name_or_path: str | Path) -> Path:
    """What a word for weights stands for: the string ``default`` for those of the package, all else for a path.

    Raises:
        UserError: If the package was installed without weights.
    """
    if name_or_path != BUNDLED:
        return Path(name_or_path)
    folder = _folder() / BUNDLED
    if not (folder / "config.json").is_file():
        raise UserError(
            f"the weights called {BUNDLED!r} are missing from this installation; install the package again, or name "
            f"others (a folder of your own of that name is ./{BUNDLED})"
        )
    return folder


def _folder() -> Path:
    return Path(str(files("maskdcpt.weights")))
