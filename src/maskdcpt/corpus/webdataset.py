"""A built data set as tar files, as the WebDataset library reads them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from maskdcpt.corpus.table import IMAGES
from maskdcpt.data.tables import open_parquet, read_columns
from maskdcpt.errors import UserError
from maskdcpt.files import append_row, atomic_file, file_sha256, read_rows, remove_unfinished, sole_owner, write_rows
from maskdcpt.progress import progress_bar

RECORD, LOCK = "tars.jsonl", ".lock"
"""Files beside the tar files: which shard each was made of, with hashes."""


class ExportReport(NamedTuple):
    """What became of a data set."""

    tars: int
    """Files in all."""
    made: int
    """Those that were written now."""
    pairs: int
    """Pairs in those that were written now."""


def export_webdataset(
    source: Path, out: Path, *, progress: bool = True, alive: Callable[[], object] = lambda: None
) -> ExportReport:
    """Writes a tar file for each shard: ``00012-00345.clean.png``, ``.degraded.png`` and ``.json`` for each pair.

    The names are made of numbers alone, whatever keys hold; the key is in the JSON. The same shard gives the same
    bytes. Tar files that are there and made of the same shard are kept.

    Args:
        source: Folder of a built data set.
        out: Folder for the tar files, made where missing.
        progress: Whether to show a bar.
        alive: Called now and then; what it raises ends the work.

    Raises:
        UserError: If there is no data set or a shard is damaged, or the folder has other files.
        OSError: If the disk is full or a file cannot be written.
    """
    shards = sorted((source / "data").glob("*-?????-of-?????.parquet"))
    if not shards:
        raise UserError(f"{source}: no data set here; data/train-00000-of-00001.parquet and so on are expected")
    out.mkdir(parents=True, exist_ok=True)
    names = {f"{path.stem}.tar": path for path in shards}
    made = pairs = 0
    with sole_owner(out / LOCK, "exporting to"):
        remove_unfinished(out)
        strange = {path.name for path in out.iterdir()} - {*names, RECORD, LOCK}
        if strange:
            raise UserError(f"{out}: tar files need a folder of their own, and this one has {min(strange)}")
        known = {row.get("tar"): row for row in read_rows(out / RECORD)}
        kept = [row for tar, row in known.items() if tar in names and (out / tar).exists()]
        write_rows(out / RECORD, kept)
        done = {row["tar"]: row for row in kept}
        with progress_bar(total=len(names), title="tar files", unit="file", show=progress) as bar:
            for tar, path in names.items():
                alive()
                digest = file_sha256(path)
                row = done.get(tar, {})
                if row.get("shard_sha256") != digest or file_sha256(out / tar) != row.get("sha256"):
                    with atomic_file(out / tar) as temporary:
                        pairs += _write_tar(temporary, path)
                    append_row(out / RECORD, {"tar": tar, "sha256": file_sha256(out / tar), "shard_sha256": digest})
                    made += 1
                bar.update()
    return ExportReport(len(names), made, pairs)


def _write_tar(target: Path, shard: Path) -> int:
    number = shard.stem.split("-")[-3]
    row = 0
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for values in _rows(shard):
            key = f"{number}-{row:05d}"
            texts = {name: value for name, value in values.items() if name not in IMAGES}
            contents = [(f"{key}.{name}.png", values[name]["bytes"]) for name in IMAGES]
            for name, data in (*contents, (f"{key}.json", json_text(texts))):
                entry = tarfile.TarInfo(name)  # owner, time and mode are the same for all
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            row += 1
    return row


def json_text(values: Mapping[str, Any]) -> bytes:
    """As JSON, which has no infinity: the PSNR of an undamaged pair is null."""
    plain = {
        name: None if isinstance(value, float) and not isfinite(value) else value for name, value in values.items()
    }
    return json.dumps(plain, sort_keys=True, allow_nan=False).encode()


def _rows(shard: Path) -> Iterator[dict[str, Any]]:
    with open_parquet(shard) as file:
        for group in range(file.metadata.num_row_groups):
            table = read_columns(file, shard, file.schema_arrow.names, group)
            yield from table.to_pylist()
