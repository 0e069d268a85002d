"""Looking into data sets that were built."""

import json
import os

import pyarrow.parquet as pq


def rows(out, columns=None):
    """All rows of the shards, in order."""
    files = sorted((out / "data").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file, columns=columns).to_pylist()]


def contents(out):
    """Everything in a data set that has to be the same whoever makes it."""
    files = [path for path in out.rglob("*") if path.is_file()]
    kept = {path.relative_to(out).as_posix(): path.read_bytes() for path in files if path.name[0] != "."}
    return {name: data for name, data in kept.items() if name != "shards.jsonl" and not name.startswith(".")}


def facts(out):
    return json.loads((out / "build.json").read_text())


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
