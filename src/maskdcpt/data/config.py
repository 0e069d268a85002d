"""What training images are and how they are cut."""

from __future__ import annotations

from maskdcpt.config import configuration
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError, naming, nearest


@configuration
class DataConfig:
    """What a network is shown."""

    folder: str | None = None
    """Folder of clean images; without it the embedded ones are used."""
    types: tuple[str, ...] = CATALOGUE.names
    """Types of damage or kinds of level, each equally often and each level of one equally often."""
    crop: int = 64
    """Side of the square crops in pixels."""
    workers: int = 1
    """Processes that prepare samples; the samples are the same whatever their number."""

    def __post_init__(self) -> None:
        if self.crop < 1 or self.workers < 0:
            raise UserError(f"data.crop is at least 1 and data.workers at least 0, not {self.crop} and {self.workers}")
        if not self.types or len(set(self.types)) != len(self.types):
            raise UserError("data.types needs at least one type, each only once")
        for name in self.types:
            if name not in CATALOGUE:
                known = [*CATALOGUE.names, *(kind.type_name for entry in CATALOGUE for kind in entry.kinds)]
                raise UserError(f"data.types: no degradation is called {name!r}{nearest(name, known)}")
        with naming("data.types"):
            levels = [level for name in self.types for level in CATALOGUE[name].levels]
            for name in self.types:
                CATALOGUE[name].require_levels()
        if len(set(levels)) != len(levels):
            raise UserError("data.types: a type and a kind of it cannot both be classes")
