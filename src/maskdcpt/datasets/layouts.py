"""The rules by which the files of public data sets belong together: named patterns, and lists in text files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path

from maskdcpt.datasets.entry import Member, Survey
from maskdcpt.datasets.tree import inside, walk_images
from maskdcpt.errors import UserError

Values = Mapping[str, str | None]
"""What names in braces stand for; None where the part that they are in was left out."""

Walk = Callable[[str], tuple[list[str], list[str]]]
"""From a place below the folder of a data set to the images there, and to what leads out of the folder."""

LISTED = 2**26
"""Most bytes of a text file with names that is read."""

_TOKEN = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})*))?\}|(\*)|([\[\]])")


@dataclass(frozen=True)
class Pattern:
    """Names of image files below the folder of a data set, without suffix.

    ``{image}`` stands for any characters but ``/``, and has to be the same wherever it occurs; ``{frame:[0-9]+}`` for
    what fits the regular expression; ``*`` for any characters but ``/``; what is in ``[`` ``]`` may be there or not.
    """

    text: str
    """Such as ``train/{scene}/blur/{frame}``."""

    @cached_property
    def start(self) -> str:
        """The folder that all such files are in."""
        fixed = re.split(r"[{*\[]", self.text, maxsplit=1)[0]
        return fixed.rpartition("/")[0] if fixed != self.text else self.text.rpartition("/")[0]

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in braces."""
        return frozenset(match[1] for match in _TOKEN.finditer(self.text) if match[1])

    def match(self, name: str) -> Values | None:
        """What the names in braces stand for in a path without suffix; None if it is none of these files."""
        found = self._regex.fullmatch(name)
        return None if found is None else found.groupdict()

    def fill(self, values: Values) -> str:
        """The path for given values, ``*`` where there is none, and what may be left out left out."""
        filled = _TOKEN.sub(lambda token: values.get(token[1]) or "*" if token[1] else token[0], self.text)
        return re.sub(r"\[[^\[\]]*\]", "", filled)

    @property
    def shown(self) -> str:
        """The pattern for people: choices of words are shown, other regular expressions are not."""

        def show(token: re.Match[str]) -> str:
            if token[2] and re.fullmatch(r"[\w|-]+", token[2]):
                return f"{{{token[2]}}}"
            return f"{{{token[1]}}}" if token[1] else token[0]

        return _TOKEN.sub(show, self.text)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        parts, place, known = [], 0, set[str]()
        for token in _TOKEN.finditer(self.text):
            parts.append(re.escape(self.text[place : token.start()]))
            place = token.end()
            if token[1] in known:
                parts.append(f"(?P={token[1]})")
            elif token[1]:
                known.add(token[1])
                parts.append(f"(?P<{token[1]}>{token[2] or '[^/]+'})")
            elif token[3]:
                parts.append("[^/]*")
            else:
                parts.append("(?:" if token[4] == "[" else ")?")
        return re.compile("".join([*parts, re.escape(self.text[place:])]), re.ASCII)


@dataclass(frozen=True)
class Images:
    """Images, or pairs, whose names fit patterns.

    Damaged and clean images belong together if the names that both patterns have stand for the same; one clean image
    may have several damaged ones. The name ``scene`` says what images were filmed of.
    """

    clean: str = ""
    """Pattern of the clean images; none where there is no ground truth."""
    degraded: str = ""
    """Pattern of the damaged images; none where all are clean."""
    type: str | None = None
    """Type of the damage."""
    basic: tuple[str, ...] = ()
    """The basic types in it, where more is known of them than the type says."""
    ordered: bool = False
    """Whether the first belongs to the first in the order of the names, and so on, since the names tell nothing."""

    @property
    def layout(self) -> tuple[str, ...]:
        """Where the files are, a line each, for people."""
        sides = ((self.degraded, self.type or "damaged"), (self.clean, "clean"))
        return tuple(f"{Pattern(text).shown}  {what}" for text, what in sides if text)

    def survey(self, folder: Path) -> Survey:
        """Looks through the folder; see ``Files``."""
        return self.survey_with(folder, _walk(folder))

    def survey_with(self, folder: Path, walk: Walk) -> Survey:
        """Looks through the folder by means of ``walk``, which may remember what is where."""
        clean, refused = _scan(folder, self.clean, walk)
        if not self.degraded:
            return Survey(tuple(self._members(folder, clean, {})), refused=refused)
        damaged, refused_too = _scan(folder, self.degraded, walk)
        refused = tuple(dict.fromkeys((*refused, *refused_too)))
        if not self.clean:
            return Survey(tuple(self._members(folder, damaged, {})), refused=refused)
        if self.ordered and len(damaged) != len(clean):
            counts = f"{len(damaged)} damaged images and {len(clean)} clean ones"
            reason = "which are paired by their order, so that none can be paired unless all are there"
            return Survey((), missing=(f"some of {counts}, {reason}",), refused=refused)
        partners = dict(zip(sorted(damaged), sorted(clean), strict=True)) if self.ordered else {}
        partners = partners or self._by_names(folder, damaged, clean)
        members = self._members(folder, {name: damaged[name] for name in partners}, partners)
        used = set(partners.values())
        lone = tuple(folder / name for name in sorted(clean) if name not in used)
        expected = Pattern(self.clean)
        missing = [f"{expected.fill(damaged[name])}.* for {name}" for name in sorted(damaged) if name not in partners]
        return Survey(tuple(members), lone, tuple(missing), refused)

    def members(self, folder: Path) -> tuple[Member, ...]:
        """All that is there; see ``Files``."""
        return self.survey(folder).members

    def _by_names(self, folder: Path, damaged: Mapping[str, Values], clean: Mapping[str, Values]) -> dict[str, str]:
        shared = sorted(Pattern(self.clean).names & Pattern(self.degraded).names)
        originals: dict[tuple[str | None, ...], str] = {}
        for name, values in clean.items():
            twin = originals.setdefault(_key(values, shared), name)
            if twin != name:
                raise UserError(f"{folder}: {twin} and {name} would both be the clean image of a pair; remove one")
        keys = {name: _key(values, shared) for name, values in damaged.items()}
        return {name: originals[key] for name, key in keys.items() if key in originals}

    def _members(self, folder: Path, found: Mapping[str, Values], partners: Mapping[str, str]) -> Iterator[Member]:
        for name, values in sorted(found.items()):
            one, scene = folder / name, values.get("scene") or ""
            if self.degraded:
                original = folder / partners[name] if name in partners else None
                yield Member(_stem(name), original, one, self.type, self.basic, scene)
            else:
                yield Member(_stem(name), one, None, scene=scene)


@dataclass(frozen=True)
class Listed:
    """Pairs that text files list, one a line: names below the folder of the data set, with blanks between."""

    lists: tuple[str, ...]
    """The text files, below the folder of the data set; the first that is there counts."""
    type: str
    """Type of the damage."""
    degraded: str
    """Pattern that the damaged image of a line fits, which is told so whatever the order."""
    clean: str
    """The same of the clean one."""

    @property
    def layout(self) -> tuple[str, ...]:
        """Where the files are, a line each, for people."""
        pairs = Images(self.clean, self.degraded, self.type).layout
        return (f"{' or '.join(self.lists)}  list, one pair a line", *pairs)

    def survey(self, folder: Path) -> Survey:
        """Looks through the folder; see ``Files``."""
        path = next((folder / name for name in self.lists if (folder / name).is_file()), None)
        if path is None:
            return Survey(())
        members: dict[str, Member] = {}
        missing: list[str] = []
        for number, line in enumerate(_lines(folder, path), 1):
            where = f"{path}, line {number}"
            if not line.strip():
                continue
            degraded, clean, scene = self._pair(folder, line.split(), where)
            key = _stem(degraded)
            if key in members:
                raise UserError(f"{where}: {degraded} is listed twice")
            places = [inside(folder, name, where) for name in (clean, degraded)]
            missing += [name for name, place in zip((clean, degraded), places, strict=True) if not place.is_file()]
            members[key] = Member(key, places[0], places[1], self.type, (), scene)
        lost = set(missing)
        whole = [
            members[key]
            for key in sorted(members)
            if not lost & {path.relative_to(folder).as_posix() for path in members[key][1:3] if path is not None}
        ]
        return Survey(tuple(whole), missing=tuple(dict.fromkeys(missing)))

    def members(self, folder: Path) -> tuple[Member, ...]:
        """All that is there; see ``Files``."""
        return self.survey(folder).members

    def _pair(self, folder: Path, names: Sequence[str], where: str) -> tuple[str, str, str]:
        for degraded, clean in (names, names[::-1]) if len(names) == 2 else ():
            values = Pattern(self.degraded).match(_stem(degraded))
            if values is not None and Pattern(self.clean).match(_stem(clean)) is not None:
                return degraded, clean, values.get("scene") or ""
        for name in names:
            inside(folder, name, where)
        expected = f"{Pattern(self.degraded).shown} and {Pattern(self.clean).shown}"
        raise UserError(f"{where}: {' '.join(names)[:200]!r} is no pair; expected {expected}")


@dataclass(frozen=True)
class Several:
    """Parts of one split, each by a rule of its own."""

    parts: tuple[Images, ...]
    """The rules."""

    @property
    def layout(self) -> tuple[str, ...]:
        """Where the files are, a line each, for people."""
        return tuple(dict.fromkeys(line for part in self.parts for line in part.layout))

    def survey(self, folder: Path) -> Survey:
        """Looks through the folder; see ``Files``."""
        walk = _walk(folder)
        surveys = [part.survey_with(folder, walk) for part in self.parts]
        members = sorted((member for each in surveys for member in each.members), key=lambda member: member.key)
        used = {member.clean for member in members}
        lone = dict.fromkeys(path for each in surveys for path in each.clean if path not in used)
        missing, refused = (
            tuple(dict.fromkeys(text for each in surveys for text in getattr(each, name)))
            for name in ("missing", "refused")
        )
        return Survey(tuple(members), tuple(lone), missing, refused)

    def members(self, folder: Path) -> tuple[Member, ...]:
        """All that is there; see ``Files``."""
        return self.survey(folder).members


def _walk(folder: Path) -> Walk:
    return cache(partial(walk_images, folder))


def _scan(folder: Path, text: str, walk: Walk) -> tuple[dict[str, Values], tuple[str, ...]]:
    if not text:
        return {}, ()
    pattern = Pattern(text)
    names, refused = walk(pattern.start)
    found: dict[str, Values] = {}
    stems: dict[str, str] = {}
    for name in names:
        values = pattern.match(_stem(name))
        if values is None:
            continue
        twin = stems.setdefault(_stem(name), name)
        if twin != name:
            raise UserError(f"{folder}: {twin} and {name} have one name apart from the suffix; remove one")
        found[name] = values
    return found, tuple(refused)


def _key(values: Values, names: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(values[name] for name in names)


def _stem(name: str) -> str:
    head, dot, tail = name.rpartition(".")
    return head if dot and "/" not in tail and head else name


def _lines(folder: Path, path: Path) -> list[str]:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{path}: a link that leads out of the folder of the data set")
    if path.stat().st_size > LISTED:
        raise UserError(f"{path}: {path.stat().st_size:,} bytes; a list of pairs has at most {LISTED:,}")
    try:
        return path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path}: no text; a list of pairs is expected, one a line") from None
