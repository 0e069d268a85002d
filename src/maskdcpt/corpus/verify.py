"""Whether the images of a data set are those that it was made with."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from maskdcpt.corpus.begun import RECIPE
from maskdcpt.corpus.checks import NAMED, noted_shards
from maskdcpt.corpus.recipe import read_recipe
from maskdcpt.data.shard_files import IMAGES, ShardFiles
from maskdcpt.data.tables import open_parquet, read_columns
from maskdcpt.errors import UserError
from maskdcpt.files import file_sha256
from maskdcpt.images import decode_image
from maskdcpt.parallel import Processes
from maskdcpt.progress import progress_bar

HASHES = {"clean": "clean_sha256", "degraded": "sha256"}
"""Columns with the hash of each image's file."""


class _Task(NamedTuple):
    path: Path
    sha256: str | None
    """Of the file, where it is known."""
    side: int | None
    """Of the images, where it is known."""
    smaller: bool
    """Whether they may be smaller."""


def verify_images(
    folder: Path, files: ShardFiles, built: bool, workers: int, progress: bool, alive: Callable[[], object]
) -> Iterator[str]:
    """Hashes every file and every image, and looks at the size of each image.

    Args:
        folder: The data set.
        files: Its shards.
        built: Whether there is a ``build.json``.
        workers: Processes for that; 0 for this one alone.
        progress: Whether to show a bar.
        alive: Called now and then; what it raises ends the work.

    Yields:
        What is not as it should be, a line each, shard by shard.
    """
    reports = noted_shards(folder) if built else {}
    recipe = read_recipe(str(folder / RECIPE)) if (folder / RECIPE).exists() else None
    side, smaller = (None, False) if recipe is None else (recipe.crop, recipe.small == "keep")
    tasks = [
        _Task(path, reports[path.name].sha256 if path.name in reports else None, side, smaller) for path in files.paths
    ]
    found: dict[int, list[str]] = {}
    pool = Processes(workers)
    with (
        progress_bar(total=sum(files.rows), title="verifying", unit="pair", show=progress) as bar,
        closing(pool.work_off(_verify_shard, range(len(tasks)), tasks.__getitem__, alive=alive)) as results,
    ):
        for number, lines in results:
            found[number] = lines
            bar.update(files.rows[number])
    for number in sorted(found):
        yield from found[number]


def verified(files: ShardFiles) -> str:
    """What has been found good when there is no problem."""
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
