"""Looking at the originals of a data set, each of them once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from maskdcpt.corpus.begun import LOOKS
from maskdcpt.corpus.plan import clean_sources
from maskdcpt.corpus.recipe import CorpusRecipe
from maskdcpt.corpus.sources import Sources
from maskdcpt.corpus.survey import Look, LookTask, Verdict, from_line, judge, look_at, look_tasks, to_line
from maskdcpt.files import write_whole
from maskdcpt.parallel import Pool
from maskdcpt.progress import progress_bar


def survey_originals(
    recipe: CorpusRecipe, sources: Sources, out: Path, pool: Pool, alive: Callable[[], object], progress: bool
) -> dict[str, Verdict]:
    """Which originals are good enough, by source; what was seen of them is kept, so that each is looked at once.

    Args:
        recipe: What is wanted of them.
        sources: What there is.
        out: Folder of the data set.
        pool: What looks at them.
        alive: Called now and then; what it raises ends the work.
        progress: Whether to show a bar.
    """
    chosen = clean_sources(recipe, sources)
    tasks = look_tasks(chosen, recipe)
    looks: dict[int, list[Look]] = {}
    for number, task in enumerate(tasks):
        found = _read_looks(out, task)
        if found is not None:
            looks[number] = found
    missing = [number for number in range(len(tasks)) if number not in looks]
    total = sum(len(task.files) for task in tasks)
    done = sum(map(len, looks.values()))
    with (
        progress_bar(total=total, done=done, title="originals", unit="image", show=progress and bool(missing)) as bar,
        closing(pool.work_off(look_at, missing, tasks.__getitem__, alive=alive)) as results,
    ):
        for number, seen in results:
            _write_looks(out, tasks[number], seen)
            looks[number] = seen
            bar.update(len(seen))
    by_source: dict[str, list[Look]] = {source.name: [] for source in chosen}
    for number, task in enumerate(tasks):
        by_source[task.source] += looks[number]
    return judge(by_source, {source.name: source.keys for source in chosen}, recipe)


def _looks_file(out: Path, task: LookTask) -> Path:
    # Named by what was looked at, so that images that have changed are looked at again.
    stamps = "" if task.embedded else [_stamp(file) for file in task.files]
    name = hashlib.sha256(json.dumps([task.source, task.start, task.files, stamps, task.limit]).encode()).hexdigest()
    return out / LOOKS / f"{name[:32]}.jsonl"


def _stamp(file: str) -> list[int]:
    try:
        status = os.stat(file)
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _read_looks(out: Path, task: LookTask) -> list[Look] | None:
    try:
        looks = [from_line(line) for line in _looks_file(out, task).read_text().splitlines()]
    except (OSError, ValueError, TypeError):
        return None
    return looks if len(looks) == len(task.files) else None


def _write_looks(out: Path, task: LookTask, looks: Sequence[Look]) -> None:
    write_whole(_looks_file(out, task), "".join(f"{to_line(look)}\n" for look in looks).encode())
