"""What is in a built data set, or in any folder of shards: counts, and whether everything is as it says."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from maskdcpt.corpus.build import BUILD, DATA, RECIPE, SHARDS
from maskdcpt.corpus.make import ShardReport, read_report
from maskdcpt.corpus.manifest import MANIFEST
from maskdcpt.corpus.recipe import read_recipe
from maskdcpt.data.shard_files import IMAGES, ShardFiles
from maskdcpt.data.tables import open_parquet, read_columns
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError, naming
from maskdcpt.files import file_sha256, read_json, read_rows
from maskdcpt.images import decode_image
from maskdcpt.parallel import Processes
from maskdcpt.progress import progress_bar
from maskdcpt.seeds import derive_seed

COUNTED = ("source", "licence", "commercial", "made_by", "real", "split")
"""Columns whose values are counted."""

READ = ("key", "type", "level", "psnr", *COUNTED)
"""Columns that are looked at; other data sets may lack any of them."""

HASHES = {"clean": "clean_sha256", "degraded": "sha256"}
"""Columns with the hash of each image's file."""

SHARES = (5, 25, 50, 75, 95)
"""Percentiles of PSNR that are told."""

UNKNOWN = "not stated"
"""What stands for a missing value."""

NAMED = 20
"""Problems of one kind in one file that are named."""


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
    for title, found in _checks(folder, files, build, known is not None):
        problems += found
        checks += [] if found else [title]
    if verify:
        found = list(_verify(folder, files, known is not None, workers, progress, alive))
        problems += found
        checks += [] if found else [_verified(files)]
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
    names = _text(table, "type")
    levels = _numbers(table, "level", -1, np.int64)
    psnr = _numbers(table, "psnr", np.nan, np.float32)
    engine = names if "made_by" not in table.column_names else _text(table, "made_by")
    real = _numbers(table, "real", False, np.bool_)
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


def _text(table: pa.Table, name: str) -> NDArray[np.object_]:
    if name not in table.column_names:
        return np.full(table.num_rows, UNKNOWN, object)
    column = table[name].cast(pa.string()).fill_null(UNKNOWN)
    # One text for all rows that have it, instead of one for each.
    encoded = column.combine_chunks().dictionary_encode()
    texts: NDArray[np.object_] = np.array([*encoded.dictionary.to_pylist(), UNKNOWN], object)
    values: NDArray[np.object_] = texts[encoded.indices.to_numpy()]
    return values


def _numbers(table: pa.Table, name: str, missing: Any, kind: Any) -> NDArray[Any]:
    if name not in table.column_names:
        return np.full(table.num_rows, missing, kind)
    values: NDArray[Any] = table[name].fill_null(missing).to_numpy().astype(kind)
    return values


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    found = {
        UNKNOWN if each["values"] is None else str(each["values"]): each["counts"]
        for each in pc.value_counts(column).to_pylist()
    }
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _checks(
    folder: Path, files: ShardFiles, build: Mapping[str, Any] | None, built: bool
) -> Iterator[tuple[str, list[str]]]:
    """What was checked, with its problems."""
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
    names, levels = _text(table, "type"), _numbers(table, "level", -1, np.int64)
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


def _reports(folder: Path) -> dict[str, ShardReport]:
    """What was noted of each shard when it was made, by the name of its file; the newest counts."""
    reports = {}
    for number, row in enumerate(read_rows(folder / SHARDS), 1):
        with naming(f"{folder / SHARDS}: line {number}"):
            report = read_report(row)
        reports[report.file] = report
    return reports


def _file_sizes(folder: Path, files: ShardFiles) -> list[str]:
    said = {name: report.bytes for name, report in _reports(folder).items()}
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


class _Task(NamedTuple):
    path: Path
    sha256: str | None
    """Of the file, where it is known."""
    side: int | None
    """Of the images, where it is known."""
    smaller: bool
    """Whether they may be smaller."""


def _verify(
    folder: Path, files: ShardFiles, built: bool, workers: int, progress: bool, alive: Callable[[], object]
) -> Iterator[str]:
    reports = _reports(folder) if built else {}
    recipe = read_recipe(str(folder / RECIPE)) if (folder / RECIPE).exists() else None
    side, smaller = (None, False) if recipe is None else (recipe.crop, recipe.small == "keep")
    tasks = [
        _Task(path, reports[path.name].sha256 if path.name in reports else None, side, smaller) for path in files.paths
    ]
    found: dict[int, list[str]] = {}
    with progress_bar(total=sum(files.rows), title="verifying", unit="pair", show=progress) as bar:
        for number, lines in Processes(workers).work_off(
            _verify_shard, range(len(tasks)), tasks.__getitem__, alive=alive
        ):
            found[number] = lines
            bar.update(files.rows[number])
    for number in sorted(found):
        yield from found[number]


def _verified(files: ShardFiles) -> str:
    names = [name for name, column in HASHES.items() if column in files.columns]
    how = f"hashes of {' and '.join(names)} images stand" if names else "all images can be decoded"
    return f"{how}, and both images of every pair have one size, the right one"


def _verify_shard(task: _Task) -> list[str]:
    problems: list[str] = []
    if task.sha256 is not None and file_sha256(task.path) != task.sha256:
        problems.append(f"{task.path.name}: not the bytes that it was made with")
    found: list[str] = []
    row = 0
    try:
        with open_parquet(task.path) as file:
            for group in range(file.metadata.num_row_groups):
                table = read_columns(file, task.path, (*IMAGES, *HASHES.values()), group)
                for values in table.to_pylist():
                    found += [f"{task.path.name}, row {row}: {what}" for what in _pair_problems(values, task)]
                    row += 1
    except UserError as error:
        found.append(str(error))
    more = [f"{task.path.name}: {len(found) - NAMED:,} more problems"] if len(found) > NAMED else []
    return [*problems, *found[:NAMED], *more]


def _pair_problems(values: Mapping[str, Any], task: _Task) -> Iterator[str]:
    sizes = {}
    for name, column in HASHES.items():
        data = (values.get(name) or {}).get("bytes")
        if not data:
            continue  # rows without two images are told elsewhere, and paths lead out of the data set
        said = values.get(column)
        if said is not None and hashlib.sha256(data).hexdigest() != said:
            yield f"{name}: not the image that it was made with"
            continue
        try:
            sizes[name] = _size(data) if said is not None else tuple(decode_image(data, name).pixels.shape[:0:-1])
        except UserError as error:
            yield str(error)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            yield f"{name}: no image"
    if len(set(sizes.values())) > 1:
        yield f"clean {_by(sizes['clean'])} pixels, degraded {_by(sizes['degraded'])}"
    for name, size in sizes.items():
        if task.side is not None and not (max(size) <= task.side if task.smaller else set(size) == {task.side}):
            yield f"{name}: {_by(size)} pixels, and the recipe says {task.side} x {task.side}"


def _size(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as image:
        return image.size


def _by(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))
