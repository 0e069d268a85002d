"""Folders of results side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from maskdcpt.errors import UserError
from maskdcpt.evaluation.engine import IDENTITY
from maskdcpt.evaluation.evaluate import INPUT
from maskdcpt.evaluation.results import Measurement, read_measurements
from maskdcpt.files import read_json, unique_names


class Merged(NamedTuple):
    """Results of several folders as if they had been measured together."""

    identity: dict[str, Any]
    """What was measured, with the arms of all."""
    rows: list[Measurement]
    """The rows, each arm after the other."""


def merge_results(folders: Sequence[Path]) -> Merged:
    """Reads finished results, and refuses those of different tests.

    The damaged input is that of the first folder. Arms that have one name get that of their folder in front.

    Args:
        folders: Two folders or more; the first arm of the first is what differences are from.

    Raises:
        UserError: If there are fewer, one has no results, or they were not measured alike.
    """
    if len(folders) < 2:
        raise UserError("two folders of results or more are needed to compare, such as evaluation-a evaluation-b")
    places = [folder.resolve() for folder in folders]
    if len(set(places)) < len(places):
        raise UserError("a folder of results is named twice; each is needed once")
    identities = [_identity(folder) for folder in folders]
    for folder, identity in zip(folders[1:], identities[1:], strict=True):
        _require_alike(folders[0], identities[0], folder, identity)
    counts: dict[str, int] = {}
    for identity in identities:
        for arm in identity["arms"]:
            counts[arm["name"]] = counts.get(arm["name"], 0) + 1
    rows: list[Measurement] = []
    arms: list[dict[str, Any]] = []
    metrics = set.intersection(*(set(each["metrics"]) for each in identities))
    if not metrics:
        raise UserError(f"{' and '.join(map(str, folders))}: no metric was measured in all of them")
    for place, (folder, name, identity) in enumerate(zip(folders, unique_names(places), identities, strict=True)):
        titles = {
            arm["name"]: arm["name"] if counts[arm["name"]] == 1 or arm["name"] == INPUT else f"{name}: {arm['name']}"
            for arm in identity["arms"]
        }
        arms += [{**arm, "name": titles[arm["name"]]} for arm in identity["arms"] if not place or arm["name"] != INPUT]
        hashes = {arm["name"]: arm.get("sha256", "") for arm in identity["arms"]}  # older rows do not have them
        for row in read_measurements(folder):
            if row.metric in metrics and (not place or row.arm != INPUT):
                rows.append(dataclasses.replace(row, arm=titles[row.arm], sha256=hashes[row.arm]))
    order = {arm["name"]: place for place, arm in enumerate(arms)}
    rows.sort(key=lambda row: order[row.arm])  # stable: within an arm as measured
    return Merged(
        {**identities[0], "arms": arms, "metrics": [name for name in identities[0]["metrics"] if name in metrics]}, rows
    )


def _identity(folder: Path) -> dict[str, Any]:
    if not (folder / IDENTITY).is_file():
        raise UserError(f"{folder}: no results; name a folder that `maskdcpt evaluate --out` has written")
    return read_json(folder / IDENTITY)


def _require_alike(one: Path, first: Mapping[str, Any], other: Path, second: Mapping[str, Any]) -> None:
    titles = [f"{each['protocol']} v{each['version']}" for each in (first, second)]
    if titles[0] != titles[1]:
        raise UserError(
            f"{one} and {other}: measured by protocols {titles[0]} and {titles[1]}, which cannot be compared"
        )
    for name, word in (("crop", "crop"), ("limit", "images of each set (0 for all)")):
        if first[name] != second[name]:
            raise UserError(f"{one} and {other}: measured with different {word}, {first[name]} and {second[name]}")
    sets = [{each["name"]: each for each in identity["sets"]} for identity in (first, second)]
    for name in dict.fromkeys((*sets[0], *sets[1])):
        if sets[0].get(name) != sets[1].get(name):
            raise UserError(f"{one} and {other}: not measured on the same images of {name}")
