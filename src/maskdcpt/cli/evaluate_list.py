"""What ``maskdcpt evaluate --list`` shows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from maskdcpt.cli.columns import aligned
from maskdcpt.datasets import DATASETS
from maskdcpt.evaluation import Protocol, TestSet
from maskdcpt.evaluation.testset import CANONICAL, CleanFolder, PairFolders, PhotoFolders, Source, Split


def list_protocols(protocols: Sequence[Protocol], details: bool) -> Iterator[str]:
    """The protocols, a few lines each, or with their sets."""
    for protocol in protocols:
        sets = [each for each in protocol.sets if each.variant == CANONICAL]
        yield f"{protocol.name} v{protocol.version}: {protocol.title}"
        yield f"  {len(sets)} sets, {len({each.task for each in sets})} tasks; {', '.join(protocol.metrics)}"
        if not details:
            for source in dict.fromkeys(_place(each.source) for each in protocol.sets):
                yield f"    {source}"
            continue
        rows = [(each.name, each.task, _damage(each), _place(each.source), _count(each)) for each in protocol.sets]
        rows.insert(0, ("set", "task", "damage", "in", "images"))
        yield from (f"  {row}" for row in aligned(rows, left=range(len(rows[0]))))
        for note in protocol.notes:
            yield from textwrap.wrap(note, 110, initial_indent="  ! ", subsequent_indent="    ", break_on_hyphens=False)
    if details:
        yield "How a data set lies below its folder: maskdcpt data list --name N; what is there: maskdcpt data verify"
    else:
        yield "maskdcpt evaluate --list --protocol N tells all about one"


def _place(source: Source) -> str:
    match source:
        case CleanFolder():
            return "DATA: any folder of clean images (the embedded ones without it)"
        case PairFolders():
            return "DATA/[set/]lq and DATA/[set/]gt"
        case PhotoFolders():
            return "DATA/[set/]"
        case Split():
            return f"DATA/{DATASETS[source.dataset].folder}/ ({source.dataset}, {source.split})"


def _count(each: TestSet) -> str:
    source = each.source
    if not isinstance(source, Split):
        return "any"
    if each.last_of_clean:
        return "one a clean image"
    part = bool(source.only or source.types)
    count = source.count or (None if part else DATASETS[source.dataset].counts.get(source.split))
    return f"{count:,}" if count else "not known"


def _damage(each: TestSet) -> str:
    if not each.damages:
        return "on the disk"
    return each.damages[0].title if len(each.damages) == 1 else f"{len(each.damages)} levels"
