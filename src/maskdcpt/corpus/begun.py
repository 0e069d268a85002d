"""A folder in which a data set was begun: whether it is the same one, and what of it stands."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import pyarrow as pa

from maskdcpt.config import flatten, read_toml, to_dict, to_toml
from maskdcpt.corpus.make import ShardReport, read_report, report_row
from maskdcpt.corpus.plan import Plan
from maskdcpt.corpus.recipe import CorpusRecipe
from maskdcpt.corpus.sources import Sources
from maskdcpt.errors import UserError, naming
from maskdcpt.files import (
    file_sha256,
    read_json,
    read_rows,
    write_json,
    write_rows,
    write_whole,
)
from maskdcpt.parallel import Pool
from maskdcpt.progress import progress_bar

DATA, LOOKS = "data", ".originals"
"""Folders of the shards, and of what was seen of the originals."""

RECIPE, BUILD, SHARDS, QUARANTINE, LOCK = "recipe.toml", "build.json", "shards.jsonl", "quarantine.jsonl", ".lock"
"""Files of a data set: what was asked for, what it was made of, what each shard is, what could not be used."""


def require_apart(root: Path | None, sources: Sources, out: Path) -> None:
    """Refuses a folder that its sources lie in, or that lies in one.

    Raises:
        UserError: Naming both.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a data set needs a folder, and this is a file")
    if root is not None and (out.resolve() == root.resolve() or out.resolve() in root.resolve().parents):
        raise UserError(f"{out}: the data set needs a folder apart from that of the sources, {root}")
    for source in sources.found.values():
        if source.folder is not None and source.folder.resolve() in (out.resolve(), *out.resolve().parents):
            raise UserError(f"{out}: the data set needs a folder apart from that of a source, {source.folder}")


def require_same(recipe: CorpusRecipe, sources: Sources, out: Path, commercial: bool) -> None:
    """Refuses to go on with another data set; notes what this one is where the folder is new.

    Raises:
        UserError: Saying what differs, or that the folder has other files.
    """
    found = {name: {"images": len(each), "digest": each.digest} for name, each in sources.found.items()}
    if not (out / BUILD).exists():
        strange = [path for path in out.iterdir() if path.name not in (DATA, LOOKS, LOCK, RECIPE)]
        if strange or any((out / DATA).iterdir()):
            raise UserError(f"{out}: a new data set needs a folder of its own, and this one has other files")
        write_whole(out / RECIPE, to_toml(recipe).encode())
        write_json(out / BUILD, {"commercial": commercial, "sources": found, "made_with": versions()})
        return
    before = flatten(_numbered(read_toml(out / RECIPE)))
    after = flatten(_numbered(to_dict(recipe)))
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            raise UserError(
                f"{out} was begun with another recipe: {name} was {before.get(name, 'not set')!r} and is now "
                f"{after.get(name, 'not set')!r}; another data set needs another folder"
            )
    begun = read_json(out / BUILD)
    if begun.get("commercial") != commercial:
        raise UserError(f"{out} was begun {'with' if begun.get('commercial') else 'without'} --licences commercial")
    made_with, here = begun.get("made_with", {}), versions()
    for name in dict.fromkeys((*made_with, *here)):
        if made_with.get(name) != here.get(name):
            raise UserError(
                f"{out} was begun with {name} {made_with.get(name)}, and this is {here.get(name)}, which may make "
                "other bytes; go on with the same, or begin in another folder"
            )
    then: dict[str, dict[str, Any]] = begun.get("sources", {})
    for name in dict.fromkeys((*then, *found)):
        if then.get(name, {}).get("digest") != found.get(name, {}).get("digest"):
            counts = [f"{each[name]['images']:,} images" if name in each else "nothing" for each in (then, found)]
            raise UserError(
                f"{out} was begun with other images: source {name} had {counts[0]}, and now has {counts[1]}"
                f"{', others' if counts[0] == counts[1] else ''}; another data set needs another folder"
            )


def standing(
    plan: Plan, out: Path, pool: Pool, alive: Callable[[], object], progress: bool, say: Callable[[str], object]
) -> dict[int, ShardReport]:
    """The shards that are there and whole, by number; the list of shards is left with these alone.

    Args:
        plan: The data set.
        out: Its folder.
        pool: What they are hashed by.
        alive: Called now and then; what it raises ends the work.
        progress: Whether to show a bar.
        say: Is told what is lost, and what is kept.

    Raises:
        UserError: If there are files that are not of this data set.
    """
    records: dict[int, ShardReport] = {}
    for number, row in enumerate(read_rows(out / SHARDS), 1):
        with naming(f"{out / SHARDS}: line {number}"):
            report = read_report(row)
        if report.shard < plan.shards and report.file == plan.file(report.shard):
            records[report.shard] = report
    expected = sorted(records)
    paths = {shard: out / DATA / plan.file(shard) for shard in expected}
    lost = 0
    with (
        progress_bar(
            total=len(expected), title="checking shards", unit="shard", show=progress and bool(expected)
        ) as bar,
        closing(pool.work_off(_digest, expected, paths.__getitem__, alive=alive)) as results,
    ):
        for shard, digest in results:
            if digest != records[shard].sha256:
                problem = "missing" if digest is None else "damaged"
                say(f"{paths[shard]}: {problem}; it is made again")
                del records[shard]
                lost += 1
            bar.update()
    if records:
        say(f"{len(records)} of {plan.shards} shards are there and whole, and are kept")
    strange = {path.name for path in (out / DATA).iterdir()} - {plan.file(shard) for shard in range(plan.shards)}
    if strange:
        raise UserError(f"{out / DATA / min(strange)}: no file of this data set; move it elsewhere")
    # Without lines that an interruption has cut off, or of shards that are made again.
    write_rows(out / SHARDS, (report_row(records[shard]) for shard in sorted(records)))
    return records


def versions() -> dict[str, str]:
    """What the bytes of a data set depend on besides recipe and sources."""
    return {
        "maskdcpt": version("maskdcpt"),
        "opencv": cv2.__version__,
        "pyarrow": pa.__version__,
        "machine": platform.machine(),
    }


def _digest(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except FileNotFoundError:
        return None


def _numbered(value: Any) -> Any:
    """Lists as tables by number, or by name where their entries have one, so that differences have a place."""
    if isinstance(value, Mapping):
        return {key: _numbered(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return {str(each.get("name", place)) if isinstance(each, Mapping) else str(place): _numbered(each)
                for place, each in enumerate(value)}  # fmt: skip
    return value
