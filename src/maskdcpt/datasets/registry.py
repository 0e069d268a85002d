"""All data sets that are known, and which of them are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from maskdcpt.datasets.blur import BLUR
from maskdcpt.datasets.clean import CLEAN
from maskdcpt.datasets.entry import DataSet
from maskdcpt.datasets.haze import HAZE
from maskdcpt.datasets.low_light import LOW_LIGHT
from maskdcpt.datasets.mixed import MIXED
from maskdcpt.datasets.noise import NOISE
from maskdcpt.datasets.rain import RAIN
from maskdcpt.datasets.snow import SNOW
from maskdcpt.errors import UserError, nearest

DATASETS: Mapping[str, DataSet] = MappingProxyType(
    {entry.name: entry for entry in (*CLEAN, *NOISE, *BLUR, *HAZE, *RAIN, *SNOW, *LOW_LIGHT, *MIXED)}
)
"""Name to data set."""


def find_dataset(name: str) -> DataSet:
    """The data set of a name.

    Raises:
        UserError: If there is none.
    """
    if name not in DATASETS:
        raise UserError(f"no data set is called {name!r}{nearest(name, DATASETS)}")
    return DATASETS[name]


def find_datasets(root: Path) -> list[tuple[DataSet, Path]]:
    """The data sets whose folders are in ``root``, each with its folder; what of their files is there, it does not say.

    Raises:
        UserError: If ``root`` is no folder.
    """
    if not root.is_dir():
        raise UserError(f"{root}: {'a file, not a folder' if root.exists() else 'no such folder'}")
    return [(entry, root / entry.folder) for entry in DATASETS.values() if (root / entry.folder).is_dir()]
