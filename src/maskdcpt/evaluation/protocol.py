"""All protocols by name, and the test cases of those that need nothing but clean images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from maskdcpt.data import CleanImages
from maskdcpt.errors import UserError, nearest
from maskdcpt.evaluation.damage import Damage, Scope
from maskdcpt.evaluation.suites import SUITES
from maskdcpt.evaluation.synthetic import SYNTHETIC
from maskdcpt.evaluation.testset import Protocol


@dataclass(frozen=True)
class Case:
    """One damaged image with its clean original."""

    image: str
    """Name of the clean image."""
    type: str
    """Type of damage."""
    level: str
    """The level, as text."""
    clean: Tensor
    """(3, H, W) in [0, 1]."""
    degraded: Tensor
    """(3, H, W) in [0, 1]."""


PROTOCOLS = {protocol.name: protocol for protocol in (*SYNTHETIC, *SUITES)}
"""Name to protocol."""


def find_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        UserError: If there is none.
    """
    if name not in PROTOCOLS:
        raise UserError(f"no protocol is called {name!r}{nearest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def find_clean_protocol(name: str) -> Protocol:
    """The protocol of a name, which has to measure on clean images of any folder.

    Raises:
        UserError: If there is none, or it needs public data sets.
    """
    protocol = find_protocol(name)
    if not protocol.any_folder:
        usable = ", ".join(each.name for each in PROTOCOLS.values() if each.any_folder)
        raise UserError(f"protocol {name} needs data sets of its own; on any clean images there are {usable}")
    return protocol


def damages_of(protocol: Protocol) -> tuple[Damage, ...]:
    """All that a protocol does to clean images, set by set."""
    return tuple(damage for each in protocol.sets for damage in each.damages)


def cases(protocol: Protocol, images: CleanImages) -> Iterator[Case]:
    """Makes the test cases, image by image; each is determined by protocol, image name and level."""
    for index, name in enumerate(images.names):
        clean = images[index]
        scope = Scope(protocol.name, protocol.version, name)
        for damage in damages_of(protocol):
            yield Case(name, damage.type, damage.title, clean, damage.degrade(clean, scope))
