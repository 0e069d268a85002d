"""``maskdcpt degrade``: damages images in known ways, and shows what ways there are."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from maskdcpt.cli.arguments import parse
from maskdcpt.data import Version, degrade_files, sample_photo
from maskdcpt.degradations import CATALOGUE, Degradation, Level, from_dict
from maskdcpt.degradations.parameters import parameter_of
from maskdcpt.errors import UserError
from maskdcpt.images import read_image
from maskdcpt.reports import require_new_page, write_gallery
from maskdcpt.seeds import derive_seed

PHOTO = "astronaut"
"""The sample photo of the gallery."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Damages an image or all images of a folder; shows the types of damage (--list) and how they look (--gallery)."""

    source: tyro.conf.Positional[Annotated[Path | None, tyro.conf.arg(metavar="IN")]] = None
    """Image or folder; of a folder all images in and below it."""
    target: tyro.conf.Positional[Annotated[Path | None, tyro.conf.arg(metavar="OUT")]] = None
    """Damaged image, or the folder for damaged images and the record of what was done to them."""
    type: Annotated[str | None, tyro.conf.arg(metavar="T")] = None
    """Type of damage, or a kind of a type; see --list."""
    level: Annotated[str | None, tyro.conf.arg(metavar="L")] = None
    """Number of a level as in --list --type T, or parameters such as beta=0.1,airlight=0.9."""
    random: tyro.conf.FlagCreatePairsOff[bool] = False
    """Damages each image by a random level, of type T or of a random type."""
    all: tyro.conf.FlagCreatePairsOff[bool] = False
    """Damages each image by every level, of type T or of every type, in a folder each."""
    seed: int = 0
    """Other seeds give other random outcomes of the same levels."""
    force: tyro.conf.FlagCreatePairsOff[bool] = False
    """Replaces files that exist."""
    list: tyro.conf.FlagCreatePairsOff[bool] = False
    """Prints all types, or all levels of type T."""
    gallery: Annotated[Path | None, tyro.conf.arg(metavar="HTML")] = None
    """Writes a page with every kind of damage (of type T) at three levels on the photo IN or a sample photo."""


def run(argv: list[str]) -> int:
    """Runs the command; returns its exit code, 1 if some images of a folder could not be damaged."""
    options = parse(Options, argv, prog="maskdcpt degrade")
    _require_one_task(options)
    entries = [CATALOGUE[options.type]] if options.type is not None else list(CATALOGUE)
    if options.list:
        for line in _levels(entries[0]) if options.type is not None else _types():
            print(line)
        return 0
    if options.gallery is not None:
        return _gallery(options, options.gallery, entries)
    if options.source is None or options.target is None:
        raise UserError("an image or folder IN and a place OUT for the result are needed; see maskdcpt degrade --help")
    versions = _versions(options, entries)
    report = degrade_files(options.source, options.target, versions, seed=options.seed, force=options.force)
    batch = report.batch
    for note in batch.notes:
        print(f"note: {note}")
    if len(report.records) == 1:
        print(json.dumps(report.records[0]))
    done, total = len(batch.written), len(batch.written) + len(batch.failures)
    before = f", {report.found} more were there" if report.found else ""
    print(f"{done} of {total} images made in {batch.seconds:.1f} s{before}: {options.target}")
    for line in report.left_out:
        print(line, file=sys.stderr)
    for failure in batch.failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if batch.failures else 0


def _require_one_task(options: Options) -> None:
    degrading = [name for name in ("level", "random", "all") if getattr(options, name) not in (None, False)]
    showing = [name for name in ("list", "gallery") if getattr(options, name) not in (None, False)]
    if len(showing) > 1 or (showing and (degrading or options.target is not None)):
        others = ", ".join(f"--{name}" for name in ("level", "random", "all", "list", "gallery") if name != showing[0])
        raise UserError(f"--{showing[0]} goes without OUT and without any of {others}")
    if not showing and len(degrading) != 1:
        raise UserError("one of --level, --random and --all says what is done; see maskdcpt degrade --help")


def _gallery(options: Options, page: Path, entries: list[Degradation]) -> int:
    require_new_page(page, options.force)
    photo = sample_photo(PHOTO) if options.source is None else read_image(options.source).pixels
    write_gallery(page, entries, photo, options.seed)
    print(f"gallery of {len(entries)} type{'s' if len(entries) > 1 else ''}: {page}")
    return 0


def _versions(options: Options, entries: list[Degradation]) -> Callable[[str], Iterable[Version]]:
    if options.level is not None:
        if options.type is None:
            raise UserError("--level is a level of a type; --type says of which")
        one = [Version("", _find_level(entries[0], options.level))]
        return lambda name: one
    for entry in entries:
        entry.require_levels()
    if options.all:
        everything = [
            Version(f"{entry.name}/{index:02d}", level) for entry in entries for index, level in enumerate(entry.levels)
        ]
        return lambda name: everything
    names = [entry.name for entry in entries]

    def draw(name: str) -> list[Version]:
        rng = np.random.default_rng(derive_seed("random level", options.seed, name))
        return [Version("", CATALOGUE.draw(rng, names))]

    return draw


def _find_level(entry: Degradation, text: str) -> Level:
    if re.fullmatch("[0-9]{1,9}", text):
        levels = (*entry.levels, *entry.held_out)
        if int(text) >= len(levels):
            raise UserError(f"{entry.name} has the levels 0 to {len(levels) - 1}, not {text}")
        return levels[int(text)]
    pairs = [tuple(part.strip() for part in item.partition("=")) for item in text.split(",")]
    names = [name for name, _, _ in pairs]
    if not all(equals for _, equals, _ in pairs) or len(set(names)) < len(names):
        raise UserError(f"--level is a number or parameters such as beta=0.1,airlight=0.9, each once, not {text!r}")
    # Of several kinds that which has these parameters, or else, for the message, the first.
    fitting = [kind for kind in entry.kinds if {item.name for item in fields(kind)} == set(names)] or [*entry.kinds]
    if len(fitting) > 1 and len(entry.kinds) > 1 and fitting[0].type_name != entry.name:
        kinds = ", ".join(kind.type_name for kind in fitting)
        raise UserError(f"{entry.name} is of several kinds; with parameters name one as --type: {kinds}")
    return from_dict({"type": fitting[0].type_name, **{name: _number(value) for name, _, value in pairs}})


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _types() -> list[str]:
    total = sum(len(entry.levels) for entry in CATALOGUE)
    lines = [f"{'label':5}  {'type':20} {'levels':6}  kind: parameters"]
    for entry in CATALOGUE:
        lines.append(f"{entry.label:5}  {entry.name:20} {len(entry.levels):6}  {_parameters(entry, entry.kinds[0])}")
        lines += [f"{'':5}  {'':20} {'':6}  {_parameters(entry, kind)}" for kind in entry.kinds[1:]]
    return [*lines, f"{len(CATALOGUE)} types, {total} levels; --list --type T lists the levels of a type"]


def _parameters(entry: Degradation, kind: type[Level]) -> str:
    part = entry.only(kind)
    described = []
    for item in fields(kind):
        unit = parameter_of(item).unit
        trained, held_out = (
            list(dict.fromkeys(getattr(level, item.name) for level in levels))
            for levels in (part.levels, part.held_out)
        )
        new = [value for value in held_out if value not in trained]
        shown = " ".join(filter(None, (_span(trained), f"[held out: {_span(new)}]" if new else "")))
        described.append(f"{item.name}{f' ({unit})' if unit else ''} {shown}")
    return f"{kind.type_name}: {'; '.join(described)}"


def _span(values: Sequence[object]) -> str:
    if len(values) > 4 and not isinstance(values[0], str):
        return f"{values[0]:.3g}, {values[1]:.3g} .. {values[-1]:.3g}"
    return ", ".join(value if isinstance(value, str) else f"{value:.3g}" for value in values)


def _levels(entry: Degradation) -> list[str]:
    lines = [f"{index:5}  {level}" for index, level in enumerate(entry.levels)]
    return lines + [f"{index:5}  {level}  held out" for index, level in enumerate(entry.held_out, len(lines))]
