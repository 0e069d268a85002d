"""Whether the rows and files of a data set are as it says, without a look into any image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from maskdcpt.corpus.begun import BUILD, SHARDS
from maskdcpt.corpus.columns import number_column, text_column
from maskdcpt.corpus.make import ShardReport, read_report
from maskdcpt.corpus.manifest import MANIFEST
from maskdcpt.data.shard_files import ShardFiles
from maskdcpt.data.tables import open_parquet, read_columns
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import naming
from maskdcpt.files import read_rows

NAMED = 20
"""Problems of one kind in one file that are named."""


def checks_of(
    folder: Path, files: ShardFiles, build: Mapping[str, Any] | None, built: bool
) -> Iterator[tuple[str, list[str]]]:
    """What was checked, each with its problems.

    Args:
        folder: The data set.
        files: Its shards.
        build: What ``build.json`` says; None where there is none, or none of a build that has ended.
        built: Whether there is a ``build.json``.
    """
    if "key" in files.table.column_names:
        yield "keys are unique", _repeated(files.table["key"])
    yield "every row has two images", _unpaired(files)
    beyond = [
        f"{count:,} pairs of {name} have a level that the catalogue does not have"
        for name, count in _beyond(files.table).items()
    ]
    yield "levels are in the catalogue", beyond
    if build is not None:
        yield "as many pairs and files as build.json says", _against_build(files, build)
    if built:
        yield "files are as large as they were made", _file_sizes(folder, files)
    if (folder / MANIFEST).exists():
        yield "the manifest has these rows", _against_manifest(folder, files)


def _repeated(keys: pa.ChunkedArray) -> list[str]:
    if pc.count_distinct(keys, mode="all").as_py() == len(keys):
        return []
    counts = pc.value_counts(keys)
    often = counts.filter(pc.greater(counts.field("counts"), 1)).to_pylist()
    lines = [f"key {each['values']!r}: {each['counts']:,} rows" for each in often[:NAMED]]
    return [f"{len(often):,} keys are of more than one row", *lines]


def _unpaired(files: ShardFiles) -> list[str]:
    count = int((~files.paired).sum())
    return [f"{count:,} rows have no damaged image"] if count else []


def _beyond(table: pa.Table) -> dict[str, int]:
    if not {"type", "level"} <= set(table.column_names):
        return {}
    names, levels = text_column(table, "type"), number_column(table, "level", -1, np.int64)
    found: dict[str, int] = {}
    for name in CATALOGUE.names:
        own = levels[names == name]
        count = int((own >= len(CATALOGUE[name].levels)).sum())
        found |= {name: count} if count else {}
    return found


def _against_build(files: ShardFiles, build: Mapping[str, Any]) -> list[str]:
    found = {"pairs": sum(files.rows), "shards": len(files.paths)}
    return [
        f"{BUILD} says {build.get(name):,} {name}, and there are {count:,}"
        for name, count in found.items()
        if build.get(name) != count
    ]


def _file_sizes(folder: Path, files: ShardFiles) -> list[str]:
    said = {name: report.bytes for name, report in noted_shards(folder).items()}
    here = {path.name: path.stat().st_size for path in files.paths}
    missing = [f"{name}: missing" for name in sorted(said.keys() - here.keys())]
    unknown = [f"{name}: {SHARDS} does not know it" for name in sorted(here.keys() - said.keys())]
    wrong = [
        f"{name}: {here[name]:,} bytes, and it was made with {said[name]:,}"
        for name in sorted(here.keys() & said.keys())
        if here[name] != said[name]
    ]
    return [*missing, *unknown, *wrong]


def _against_manifest(folder: Path, files: ShardFiles) -> list[str]:
    path = folder / MANIFEST
    with open_parquet(path) as file:
        table = read_columns(file, path, ("key", "shard", "row"))
    shards = np.repeat([path.name for path in files.paths], files.rows)
    rows = np.concatenate([np.arange(count) for count in files.rows])
    own = {"key": files.table["key"] if "key" in files.table.column_names else None}
    own |= {
        "shard": pa.chunked_array([pa.array(shards, pa.string())]),
        "row": pa.chunked_array([rows.astype(np.int32)]),
    }
    same = table.num_rows == len(rows) and all(
        column is None or (name in table.column_names and table[name].equals(column)) for name, column in own.items()
    )
    return [] if same else [f"{path}: its rows are not those of the shards; maskdcpt data build makes it again"]


def noted_shards(folder: Path) -> dict[str, ShardReport]:
    """What was noted of each shard when it was made, by the name of its file; the newest counts."""
    reports = {}
    for number, row in enumerate(read_rows(folder / SHARDS), 1):
        with naming(f"{folder / SHARDS}: line {number}"):
            report = read_report(row)
        reports[report.file] = report
    return reports
