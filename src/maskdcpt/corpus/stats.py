"""What is in a built data set, or in any folder of shards: counts, and whether everything is as it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator
from numpy.typing import NDArray

from maskdcpt.corpus.begun import BUILD, DATA
from maskdcpt.corpus.checks import checks_of
from maskdcpt.corpus.columns import UNKNOWN, number_column, text_column
from maskdcpt.corpus.verify import verified, verify_images
from maskdcpt.data.shard_files import ShardFiles
from maskdcpt.degradations import CATALOGUE
from maskdcpt.files import read_json
from maskdcpt.seeds import derive_seed

COUNTED = ("source", "licence", "commercial", "made_by", "real", "split")
"""Columns whose values are counted."""

READ = ("key", "type", "level", "psnr", *COUNTED)
"""Columns that are looked at; other data sets may lack any of them."""

SHARES = (5, 25, 50, 75, 95)
"""Percentiles of PSNR that are told."""


class Spread(NamedTuple):
    """How PSNR of the input is distributed."""

    values: NDArray[np.float32]
    """All that are finite, in dB, sorted."""
    undamaged: int
    """How many pairs are of two equal images."""

    @property
    def percentiles(self) -> tuple[float, ...]:
        """Those of ``SHARES``, in dB; none without a value."""
        return tuple(np.percentile(self.values, SHARES).tolist()) if len(self.values) else ()


@dataclass(frozen=True, eq=False)
class TypeStats:
    """The pairs of one type of damage."""

    name: str
    """Its name in the catalogue, or as the shards have it."""
    title: str
    """What people call it."""
    rows: NDArray[np.int64]
    """Numbers of its pairs."""
    levels: tuple[int, ...]
    """How many are of each level, in the order of the catalogue; empty for a type that it does not know."""
    unlevelled: int
    """How many are of none, as pairs of data sets are."""
    engine: int
    """How many the engine has made."""
    real: int
    """How many were photographed."""
    psnr: Spread
    """Of the damaged to the clean images."""

    @property
    def covered(self) -> int:
        """How many levels occur."""
        return sum(count > 0 for count in self.levels)


@dataclass(frozen=True, eq=False)
class CorpusStats:
    """What was found in a folder."""

    folder: Path
    """The folder."""
    files: ShardFiles
    """Its shards."""
    bytes: int
    """Their size."""
    types: tuple[TypeStats, ...]
    """By type, in the order of the catalogue."""
    counts: Mapping[str, Mapping[str, int]]
    """How often each value of ``COUNTED`` occurs, the most frequent first; only columns that are there."""
    build: Mapping[str, Any] | None
    """What ``build.json`` says; None where there is none, or none of a build that has ended."""
    checks: tuple[str, ...]
    """What was checked and is well, a line each."""
    problems: tuple[str, ...]
    """What is not as it should be, a line each."""
    notes: tuple[str, ...]
    """What could not be told."""

    @property
    def pairs(self) -> int:
        """Number of rows."""
        return int(self.files.table.num_rows)


def read_stats(
    folder: Path,
    *,
    verify: bool = False,
    workers: int = 0,
    progress: bool = True,
    alive: Callable[[], object] = lambda: None,
) -> CorpusStats:
    """Counts what is in a data set and checks that it is whole.

    Args:
        folder: A built data set, or any folder of shards.
        verify: Whether to hash every file and every image, and to look at the size of each image.
        workers: Processes for that; 0 for this one alone.
        progress: Whether to show bars.
        alive: Called now and then; what it raises ends the work.

    Raises:
        UserError: If there are no shards, or one cannot be opened.
    """
    data = folder / DATA if any((folder / DATA).glob("*.parquet")) else folder
    files = ShardFiles(data, READ, progress=progress)
    known = read_json(folder / BUILD) if (folder / BUILD).exists() else None
    build = known if known is not None and "statistics" in known else None
    notes = [f"no column {name!r}" for name in READ if name not in files.table.column_names]
    if known is not None and build is None:
        notes.append(f"{folder / BUILD} is of a build that has not ended; maskdcpt data build goes on with it")
    checks, problems = list[str](), list[str]()
    for title, found in checks_of(folder, files, build, known is not None):
        problems += found
        checks += [] if found else [title]
    if verify:
        found = list(verify_images(folder, files, known is not None, workers, progress, alive))
        problems += found
        checks += [] if found else [verified(files)]
    return CorpusStats(
        folder=folder,
        files=files,
        bytes=sum(path.stat().st_size for path in files.paths),
        types=tuple(_types(files.table)),
        counts={name: _counts(files.table[name]) for name in COUNTED if name in files.table.column_names},
        build=build,
        checks=tuple(checks),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def sample_rows(stats: CorpusStats, entry: TypeStats, count: int, seed: int = 0) -> list[int]:
    """Random pairs of a type with both images, the same ones for the same seed, in the order of rows."""
    rows = entry.rows[stats.files.paired[entry.rows]]
    rng: Generator = np.random.default_rng(derive_seed("gallery", seed, entry.name))
    return sorted(rng.permutation(rows)[:count].tolist())


def _types(table: pa.Table) -> Iterator[TypeStats]:
    rows = table.num_rows
    names = text_column(table, "type")
    levels = number_column(table, "level", -1, np.int64)
    psnr = number_column(table, "psnr", np.nan, np.float32)
    engine = names if "made_by" not in table.column_names else text_column(table, "made_by")
    real = number_column(table, "real", False, np.bool_)
    codes, places = np.unique(names, return_inverse=True) if rows else (np.array([]), np.array([], int))
    for name in sorted(codes.tolist(), key=_in_catalogue):
        chosen = np.flatnonzero(places == codes.tolist().index(name))
        entry = CATALOGUE[name] if name in CATALOGUE.names else None
        own = levels[chosen]
        size = len(entry.levels) if entry is not None else 0
        within = own[(own >= 0) & (own < size)]
        values = psnr[chosen]
        yield TypeStats(
            name=name,
            title=name if entry is None else entry.title,
            rows=chosen,
            levels=tuple(np.bincount(within, minlength=size).tolist()) if size else (),
            unlevelled=int(len(own) - len(within)),
            engine=int((engine[chosen] == "engine").sum()),
            real=int(real[chosen].sum()),
            psnr=Spread(np.sort(values[np.isfinite(values)]), int(np.isposinf(values).sum())),
        )


def _in_catalogue(name: str) -> tuple[int, str]:
    return (CATALOGUE.names.index(name) if name in CATALOGUE.names else len(CATALOGUE.names), name)


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    found = {
        UNKNOWN if each["values"] is None else str(each["values"]): each["counts"]
        for each in pc.value_counts(column).to_pylist()
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
