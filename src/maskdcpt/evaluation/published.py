"""Numbers from papers, to be shown beside measured ones."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class PublishedTable(NamedTuple):
    """One table of a paper."""

    title: str
    """What it is of."""
    kind: str
    """What its columns are means of: ``set``, ``task`` or ``mean``."""
    metrics: list[str]
    """What each cell holds, in this order."""
    source: str
    """Where it was read."""
    rows: dict[str, dict[str, list[float]]]
    """Method to column to values."""

    @property
    def columns(self) -> list[str]:
        """Names of sets or tasks, in order."""
        return list(dict.fromkeys(column for row in self.rows.values() for column in row))


def published_tables(protocol: str) -> list[PublishedTable]:
    """The tables that papers have printed of a protocol; none where there are none."""
    return [PublishedTable(**table) for table in _all().get(protocol, [])]


@cache
def _all() -> dict[str, list[dict[str, Any]]]:
    text = (files("maskdcpt.evaluation") / "published.json").read_text(encoding="utf-8")
    tables: dict[str, list[dict[str, Any]]] = json.loads(text)
    return tables
