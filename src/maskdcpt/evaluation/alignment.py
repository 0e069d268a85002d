"""Whether the pairs of each test set align: pixel by pixel, a shifted pair measures its shift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from maskdcpt.datasets.shift import Alignment, common_shift

NAMED = 3
"""Pairs that a warning names."""


class SetAlignment(NamedTuple):
    """How the pairs of one test set are aligned."""

    set: str
    """The test set."""
    pairs: int
    """Pairs that were compared: all, or a sample of a large set."""
    untold: int
    """Those too small, too uniform or too damaged to tell."""
    off: tuple[tuple[str, str], ...]
    """Image and what is wrong, of those that do not align or do not show the same."""
    common: tuple[float, float] | None
    """Pixels right and down by which all are shifted alike, if they are."""

    @property
    def warning(self) -> str:
        """What people have to know, one line; empty where nothing was found."""
        parts = []
        if self.off:
            shown = "; ".join(f"{image} {what}" for image, what in self.off[:NAMED])
            more = "; ..." if len(self.off) > NAMED else ""
            parts.append(f"{len(self.off):,} of {self.pairs:,} pairs do not align ({shown}{more})")
        if self.common is not None:
            right, down = self.common
            parts.append(f"all pairs are shifted alike, by {right:+.1f} px to the right and {down:+.1f} px down")
        if not parts:
            return ""
        return f"{self.set}: {'; '.join(parts)}: its values measure that as well"

    def as_dict(self) -> dict[str, Any]:
        """As plain values for ``summary.json``."""
        off = [{"image": image, "problem": what} for image, what in self.off]
        return {**self._asdict(), "off": off, "warning": self.warning}


def set_alignments(rows: Iterable[Mapping[str, Any]]) -> list[SetAlignment]:
    """What rows of progress say of the pairs of each set that has any."""
    found: dict[str, dict[str, Alignment]] = {}
    for row in rows:
        if "alignment" in row:
            found.setdefault(row["set"], {})[row["image"]] = Alignment(**row["alignment"])
    return [
        SetAlignment(
            name,
            len(pairs),
            sum(each.kind == "untold" for each in pairs.values()),
            tuple((image, each.problem) for image, each in pairs.items() if each.problem),
            common_shift(list(pairs.values())),
        )
        for name, pairs in found.items()
    ]
