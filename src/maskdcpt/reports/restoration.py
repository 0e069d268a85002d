"""Photos before and after they were restored, on one page with sliders; however many there are, few are in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from PIL import Image
from torch import Tensor

from maskdcpt.errors import naming
from maskdcpt.images import to_tensor
from maskdcpt.inference.verdict import Verdict
from maskdcpt.metrics import piqe
from maskdcpt.metrics.piqe import BLOCK
from maskdcpt.reports.page import write_page
from maskdcpt.reports.previews import Previews, as_photo, make_previews, require_same_size
from maskdcpt.reports.spool import Spool

CHARACTERS = 39_000_000
"""Of all pictures of a page; photos after that are listed without."""

PIQE_SIDE = 1024
"""Side of the middle of a photo that PIQE is measured on, in pixels."""

TYPES = 3
"""Most likely types of damage that are shown."""


@dataclass(frozen=True)
class RestorationEntry:
    """One photo."""

    name: str
    """Its file, as people know it; two entries of one name are the same photo, and the later counts."""
    before: Tensor | Image.Image
    """The photo: RGB (3, H, W) in [0, 1], or Pillow's."""
    after: Tensor | Image.Image | None
    """The same restored; None where it was left as it is."""
    verdict: Verdict | None = None
    """What the weights say about it; None where nobody asked."""
    notes: tuple[str, ...] = ()
    """What people have to know, a line each."""
    seconds: float | None = None
    """Time that it took."""


@dataclass(frozen=True)
class Card:
    """One photo as the page shows it: plain values only."""

    name: str
    """Its file."""
    types: dict[str, float]
    """The most likely types of damage and their probabilities."""
    marks: list[str]
    """What it can be filtered by: ``restored`` or ``untouched``, ``clean``, ``unfamiliar``, ``notes``, ``worse``."""
    reason: str
    """The verdict in words; may be empty."""
    notes: list[str]
    """A line each."""
    seconds: float | None
    """Time that it took."""
    size: tuple[int, int]
    """Width and height of the photo in pixels."""
    piqe_before: float | None
    """PIQE of the photo; None where it is too small for it."""
    piqe_after: float | None
    """PIQE of the restored photo; None as well where it was left as it is."""
    previews: dict[str, Any] | None
    """Fields of ``Previews``; None where the page had no more room."""

    @property
    def change(self) -> float | None:
        """PIQE after without that before, rounded as it is shown; negative is better."""
        return _change(self.piqe_before, self.piqe_after)

    @property
    def better(self) -> bool:
        """Whether PIQE fell."""
        return self.change is not None and self.change < 0


class Summary(NamedTuple):
    """All photos of a page together."""

    photos: int
    """How many there are."""
    marks: Counter[str]
    """How many have each mark."""
    types: Counter[str]
    """For how many each type of damage is the most likely."""
    pictured: int
    """How many are shown as pictures."""
    changes: int
    """Of how many PIQE is known before and after."""
    better: int
    """In how many of these it fell."""
    change: float | None
    """The median of its changes."""


class RestorationReport:
    """A page that grows by one photo at a time.

    Until it is written, what it has lies beside it in a file of its name with ``.entries`` behind. After an
    interruption the next report of the same page goes on with that.

    Args:
        path: The HTML file.
        about: What is being done, title to text: the weights, where photos come from. It stands on the page.
        mark: As for ``write_page``.

    Raises:
        UserError: If another page was begun there and not finished, or what is there of it is damaged.
    """

    def __init__(self, path: Path, about: Mapping[str, str], mark: str = "") -> None:
        self._path = path
        self._mark = mark
        self._about = dict(about)
        self._spool = Spool(path.with_name(f"{path.name}.entries"), about)
        self._spent = 0
        self._names = set()
        for card in map(_as_card, self._spool):
            self._spent += _characters(card)
            self._names.add(card.name)

    def holds(self, name: str) -> bool:
        """Whether a photo of this name is on the page."""
        return name in self._names

    def add(self, entry: RestorationEntry) -> None:
        """Puts a photo on the page.

        Raises:
            UserError: If before and after differ in size.
            OSError: If the disk is full.
        """
        with naming(entry.name):
            card = _make_card(entry, room=self._spent < CHARACTERS)
        self._spent += _characters(card)
        self._names.add(card.name)
        self._spool.append(asdict(card))

    def write(self, failures: Sequence[str] = ()) -> Path:
        """Writes the page and removes what it was made from.

        Args:
            failures: What could not be restored and why, a line each.

        Raises:
            OSError: If the disk is full or the page cannot be written.
        """
        write_page(
            self._path,
            "restoration.html",
            self._mark,
            about=self._about,
            summary=_summarise(map(_as_card, self._spool)),
            cards=map(_as_card, self._spool),
            failures=list(failures),
            side=PIQE_SIDE,
        )
        self._spool.remove()
        return self._path


def write_restoration(
    path: Path, entries: Iterable[RestorationEntry], *, about: Mapping[str, str], failures: Sequence[str] = ()
) -> Path:
    """Writes a page of photos before and after they were restored.

    Args:
        path: The HTML file.
        entries: The photos, taken one at a time.
        about: As for ``RestorationReport``.
        failures: What could not be restored and why, a line each.

    Returns:
        The path.

    Raises:
        UserError: If before and after of a photo differ in size, or another page was begun there and not finished.
        OSError: If the disk is full or the page cannot be written.
    """
    report = RestorationReport(path, about)
    for entry in entries:
        report.add(entry)
    return report.write(failures)


def _as_card(row: dict[str, Any]) -> Card:
    return Card(**row)


def _make_card(entry: RestorationEntry, room: bool) -> Card:
    before = as_photo(entry.before)
    after = as_photo(entry.after) if entry.after is not None else None
    require_same_size(before, after)
    piqe_before, piqe_after = _piqe(before), _piqe(after) if after is not None else None
    verdict = entry.verdict
    marks = {
        "restored": after is not None,
        "untouched": after is None,
        "clean": verdict is not None and verdict.clean is True,
        "unfamiliar": verdict is not None and verdict.unfamiliar is True,
        "notes": bool(entry.notes),
        "worse": (_change(piqe_before, piqe_after) or 0) > 0,
    }
    return Card(
        name=entry.name,
        types=dict(list(verdict.types.items())[:TYPES]) if verdict is not None else {},
        marks=[mark for mark, holds in marks.items() if holds],
        reason=verdict.reason if verdict is not None else "",
        notes=list(entry.notes),
        seconds=entry.seconds,
        size=before.size,
        piqe_before=piqe_before,
        piqe_after=piqe_after,
        previews=asdict(make_previews(before, after)) if room else None,
    )


def _change(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else round(after - before, 1) + 0.0  # no -0.0


def _piqe(photo: Image.Image) -> float | None:
    if min(photo.size) < BLOCK:
        return None
    left, top = (max(0, extent - PIQE_SIDE) // 2 for extent in photo.size)
    middle = photo.crop((left, top, min(photo.width, left + PIQE_SIDE), min(photo.height, top + PIQE_SIDE)))
    return piqe(to_tensor(middle)).item()


def _characters(card: Card) -> int:
    return Previews(**card.previews).characters if card.previews is not None else 0


def _summarise(cards: Iterable[Card]) -> Summary:
    marks: Counter[str] = Counter()
    types: Counter[str] = Counter()
    changes: list[float] = []
    photos = pictured = better = 0
    for card in cards:
        photos += 1
        pictured += card.previews is not None
        marks.update(card.marks)
        types.update(list(card.types)[:1])
        better += card.better
        if card.change is not None:
            changes.append(card.change)
    return Summary(photos, marks, types, pictured, len(changes), better, median(changes) if changes else None)
