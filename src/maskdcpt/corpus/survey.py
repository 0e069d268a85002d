"""Looking at clean originals, each once: which are good enough to be damaged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskdcpt.corpus.make import Original, read_clean
from maskdcpt.corpus.quality import flat_share, grey, jpeg_quality, sharpness
from maskdcpt.corpus.recipe import CorpusRecipe, Filters
from maskdcpt.corpus.sources import Source
from maskdcpt.datasets.fingerprint import Fingerprint, duplicate_groups, fingerprint
from maskdcpt.errors import UserError

CHUNK = 64
"""Originals that are looked at in one go."""


class Look(NamedTuple):
    """What was seen of an original."""

    side: int
    """Shorter side in pixels."""
    flat: float
    """``quality.flat_share``."""
    sharpness: float
    """``quality.sharpness``."""
    jpeg: int | None
    """``quality.jpeg_quality``."""
    hash: int
    """Of its ``Fingerprint``."""
    thumbnail: str
    """Of its ``Fingerprint``, in hexadecimal."""
    problem: str = ""
    """Why it cannot be read; then nothing else counts."""


@dataclass(frozen=True)
class LookTask:
    """Some originals of a source."""

    source: str
    """Name of the source."""
    start: int
    """Number of the first of them."""
    files: tuple[str, ...]
    """Files, or names of embedded images."""
    embedded: bool
    """Whether they come with the package."""
    limit: int
    """Pixels of an image that are decoded at most."""


def look_at(task: LookTask) -> list[Look]:
    """Looks at some originals; what cannot be read is told, not raised."""
    return [_look(file, task.embedded, task.limit) for file in task.files]


def look_tasks(sources: Iterable[Source], recipe: CorpusRecipe) -> list[LookTask]:
    """What there is to look at, source by source."""
    tasks = []
    for source in sources:
        for start in range(0, len(source), CHUNK):
            files = tuple(source.file(name) for name in source.clean[start : start + CHUNK])
            tasks.append(LookTask(source.name, start, files, source.folder is None, recipe.filters.max_pixels))
    return tasks


class Verdict(NamedTuple):
    """Which originals of a source are good enough."""

    usable: NDArray[np.bool_]
    """One flag an image."""
    left_out: Mapping[str, int]
    """How many are not, by reason."""
    faults: tuple[tuple[str, str], ...]
    """Those that cannot be read: name, and why."""


def judge(
    looks: Mapping[str, Sequence[Look]], keys: Mapping[str, Sequence[str]], recipe: CorpusRecipe
) -> dict[str, Verdict]:
    """Which originals are good enough, by source.

    Of those that look the same the first counts, in the order of sources.

    Args:
        looks: What was seen, by source.
        keys: Names of the images, by source.
        recipe: Crop and filters.
    """
    reasons = {name: [_reason(look, recipe) for look in found] for name, found in looks.items()}
    if recipe.filters.duplicates:
        good = [(name, place) for name, found in reasons.items() for place, reason in enumerate(found) if not reason]
        seen = [looks[name][place] for name, place in good]
        groups = duplicate_groups([Fingerprint(look.hash, bytes.fromhex(look.thumbnail)) for look in seen])
        for name, place in (good[number] for group in groups for number in group[1:]):
            reasons[name][place] = "duplicate"
    verdicts = {}
    for name, found in looks.items():
        usable = np.array([not reason for reason in reasons[name]], bool)
        counts = Counter(reason for reason in reasons[name] if reason)
        faults = tuple((keys[name][place], look.problem) for place, look in enumerate(found) if look.problem)
        verdicts[name] = Verdict(usable, dict(sorted(counts.items())), faults)
    return verdicts


def to_line(look: Look) -> str:
    """A look as a line of JSON."""
    return json.dumps(list(look))


def from_line(line: str) -> Look:
    """A look from its line of JSON."""
    values: Any = json.loads(line)
    return Look(*values)


def _look(file: str, embedded: bool, limit: int) -> Look:
    original = Original("", "", file, None, embedded, False, (), "", None)
    try:
        pixels = read_clean(original, limit)
        quality = None if embedded else _quality(file)
    except (UserError, OSError) as error:
        return Look(0, 0, 0, None, 0, "", str(error).replace(file, Path(file).name))
    values = grey(pixels)
    seen = fingerprint(values / np.float32(255))
    return Look(min(values.shape), flat_share(values), sharpness(values), quality, seen.hash, seen.thumbnail.hex())


def _quality(file: str) -> int | None:
    with Path(file).open("rb") as opened:
        return jpeg_quality(opened.read(2**16))


def _reason(look: Look, recipe: CorpusRecipe) -> str:
    filters: Filters = recipe.filters
    side = max(filters.min_side, recipe.crop if recipe.small == "skip" else 0)
    if look.problem:
        return "unreadable"
    if look.side < side:
        return "too small"
    if look.flat > filters.flat:
        return "flat"
    if look.sharpness < filters.sharpness:
        return "blurred"
    if look.jpeg is not None and look.jpeg < filters.jpeg_quality:
        return "compressed"
    return ""
