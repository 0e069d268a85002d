"""What was measured: a row for each network and image, in a file that stays small."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskdcpt.errors import UserError
from maskdcpt.files import write_whole

ROWS = "rows.parquet"

INPUT = "input"
"""Family and arm of the damaged images as they are."""

FINAL = "final"
"""The stage of trained networks, and of the damaged images."""

ENTERING = "entering"
"""The stage of networks on entering fine-tuning."""


@dataclass(frozen=True)
class StudyRow:
    """What one network made of one image."""

    family: str
    """Name of the network, or ``input``."""
    arm: str
    """Name of the way that it was trained in, or ``input``."""
    seed: int
    """Of the run."""
    stage: str
    """``entering`` or ``final``."""
    test: str
    """Name of the test."""
    group: str
    """Type of damage, or the folder of pairs or photos."""
    image: str
    """Name of the image."""
    level: str
    """The damage as text."""
    named: str
    """Type of damage that the classifier names, empty without one."""
    psnr: float | None
    """In dB; None without a clean image."""
    ssim: float | None
    """None without a clean image."""
    piqe: float | None
    """Of photos; None elsewhere."""

    @property
    def run(self) -> tuple[str, str, int]:
        """Network, arm and seed."""
        return self.family, self.arm, self.seed

    @property
    def case(self) -> tuple[str, str, str]:
        """Group, image and level."""
        return self.group, self.image, self.level


_MEASURES = ("psnr", "ssim", "piqe")


def _type(name: str) -> Any:
    if name in _MEASURES:
        return pa.float32()
    return pa.int32() if name == "seed" else pa.dictionary(pa.int32(), pa.string())


_SCHEMA = pa.schema([(item.name, _type(item.name)) for item in fields(StudyRow)])


def write_study_rows(path: Path, rows: Iterable[StudyRow]) -> None:
    """Writes rows, whole or not at all; the same rows give the same bytes.

    Raises:
        OSError: If the disk is full or the file cannot be written.
    """
    listed = list(rows)
    columns = {item.name: [getattr(row, item.name) for row in listed] for item in fields(StudyRow)}
    table = pa.table([pa.array(columns[item.name]).cast(item.type) for item in _SCHEMA], schema=_SCHEMA)
    data = io.BytesIO()
    names = [item.name for item in fields(StudyRow) if item.name not in _MEASURES]
    # Bytes of one place of all numbers lie together, which compresses better.
    pq.write_table(
        table,
        data,
        compression="zstd",
        compression_level=19,
        use_dictionary=names,
        use_byte_stream_split=list(_MEASURES),
    )
    write_whole(path, data.getbuffer())


def read_study_rows(path: Path) -> list[StudyRow]:
    """Reads rows.

    Raises:
        UserError: If there are none, or the file is damaged.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of results")
    try:
        return [StudyRow(**row) for row in pq.read_table(path, schema=_SCHEMA).to_pylist()]
    except (pa.ArrowException, OSError, TypeError) as error:
        raise UserError(f"{path}: not rows of a study ({' '.join(str(error).split())[:200]})") from None
