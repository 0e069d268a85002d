"""Finding images that show the same, among hundreds of thousands: small fingerprints, and groups of near ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

RADIUS = 6
"""Bits of 64 that hashes of one picture may differ by."""

SIDE = 16
"""Side of the thumbnails, in pixels."""

_CHUNK = 2**22

_CORRELATION = 0.98
_FLAT = 4.0


class Fingerprint(NamedTuple):
    """What is kept of an image to tell whether another shows the same."""

    hash: int
    """64 bits: which of the lowest frequencies of the image are above their median, after Zauner ("Implementation and
    benchmarking of perceptual image hash functions", 2010)."""
    thumbnail: bytes
    """The image in ``SIDE`` x ``SIDE`` grey values of 8 bits, which flat images with equal hashes differ in."""


def fingerprint(image: NDArray[np.float32]) -> Fingerprint:
    """The fingerprint of a grey image (H, W) in [0, 1]."""
    small = cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)
    frequencies = cv2.dct(small)[:8, :8].ravel()
    frequencies[np.abs(frequencies) < 1e-4] = 0  # rounding of a flat image
    bits = frequencies > np.median(frequencies[1:])
    bits[0] = False  # the mean
    thumbnail = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    values = np.rint(np.clip(thumbnail, 0, 1) * 255).astype(np.uint8)
    return Fingerprint(int.from_bytes(np.packbits(bits).tobytes(), "big"), values.tobytes())


def duplicate_groups(prints: Sequence[Fingerprint]) -> list[list[int]]:
    """Groups of images that show the same, apart from their size, compression or a few pixels of border.

    Hashes that differ by ``RADIUS`` bits or less and are confirmed by the thumbnails make two images one group, and so
    through others. A hash is cut into four quarters: of two that differ by less than 8 bits, one quarter differs by at
    most one, so only such are compared.

    Returns:
        Indices of the images of each group of two or more, in order.
    """
    classes: dict[int, list[int]] = defaultdict(list)
    for index, each in enumerate(prints):
        classes[each.hash].append(index)
    parents = list(range(len(prints)))
    leaders = {value: list(_leaders(members, prints, parents)) for value, members in classes.items()}
    values = np.array(list(classes), np.uint64)
    for one, other in _near(values):
        for first in leaders[int(values[one])]:
            for second in leaders[int(values[other])]:
                if _alike(prints[first], prints[second]):
                    parents[_root(parents, second)] = _root(parents, first)
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(len(prints)):
        groups[_root(parents, index)].append(index)
    return sorted(members for members in groups.values() if len(members) > 1)


def _leaders(members: Sequence[int], prints: Sequence[Fingerprint], parents: list[int]) -> Iterator[int]:
    """One of each group within images of one hash; the others are put under it."""
    thumbnails: list[NDArray[np.int16]] = []
    found: list[int] = []
    for index in members:
        thumbnail = _values(prints[index])
        same = np.flatnonzero(_close(np.array(thumbnails), thumbnail)).tolist() if thumbnails else []
        if same:
            parents[index] = found[same[0]]
        else:
            thumbnails.append(thumbnail)
            found.append(index)
            yield index


def _alike(one: Fingerprint, other: Fingerprint) -> bool:
    return bool(_close(_values(one)[None], _values(other))[0])


def _close(thumbnails: NDArray[np.int16], thumbnail: NDArray[np.int16]) -> NDArray[np.bool_]:
    # The less there is to see, the less it may differ by. Where there is enough, brightness and contrast may differ.
    spread = thumbnail.std()
    same = np.abs(thumbnails - thumbnail).mean(1) <= 1.5 + 0.1 * spread
    if spread < _FLAT:
        return np.asarray(same)
    centred, own = thumbnails - thumbnails.mean(1, keepdims=True), thumbnail - thumbnail.mean()
    lengths = np.linalg.norm(centred, axis=1)
    alike = centred @ own > _CORRELATION * lengths * np.linalg.norm(own)
    return np.asarray(same | (alike & (lengths > _FLAT * SIDE)))


def _values(each: Fingerprint) -> NDArray[np.int16]:
    return np.frombuffer(each.thumbnail, np.uint8).astype(np.int16)


def _root(parents: list[int], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return index


def _near(values: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Indices of different hashes that differ by ``RADIUS`` bits or less; a pair may come more than once."""
    flips = np.array([0, *(1 << bit for bit in range(16))], np.uint64)
    for quarter in range(4):
        keys = (values >> np.uint64(16 * quarter)) & np.uint64(0xFFFF)
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        for flip in flips:
            first = np.searchsorted(ordered, keys ^ flip, "left")
            counts = np.searchsorted(ordered, keys ^ flip, "right") - first
            for start, stop in _chunks(counts):
                ones = np.repeat(np.arange(start, stop), counts[start:stop])
                ends = np.cumsum(counts[start:stop])
                places = np.arange(len(ones)) - np.repeat(ends - counts[start:stop], counts[start:stop])
                others = order[places + np.repeat(first[start:stop], counts[start:stop])]
                kept = ones < others
                ones, others = ones[kept], others[kept]
                near = _ones(values[ones] ^ values[others]) <= RADIUS
                yield from zip(ones[near].tolist(), others[near].tolist(), strict=True)


def _chunks(counts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    total, start = 0, 0
    for index, count in enumerate(counts.tolist()):
        if total and total + count > _CHUNK:
            yield start, index
            total, start = 0, index
        total += count
    if total:
        yield start, len(counts)


_ONES = np.array([value.bit_count() for value in range(2**16)], np.uint8)


def _ones(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """How many bits are set."""
    quarters = ((values >> np.uint64(16 * place)) & np.uint64(0xFFFF) for place in range(4))
    counts: NDArray[np.uint8] = sum((_ONES[quarter] for quarter in quarters), np.zeros(len(values), np.uint8))
    return counts
