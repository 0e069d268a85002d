"""How to go about an image: in one piece where memory suffices, else in the tiles that cost least."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from maskdcpt.errors import UserError
from maskdcpt.inference.tiling.outline import Outline

VALUE = 4
"""Bytes of a float32."""
PIXEL = 3
"""Values of a pixel of an image."""
TILE_MEMORY = 768 * 2**20
"""Bytes for the work on a tile beyond which larger tiles bring nothing."""
LEAST_MEMORY = 48 * 2**20
"""Bytes for the work on a tile below which tiles would be mostly margin."""
WIDEST_MARGIN = 64
"""Pixels around tiles that stand alone; networks reach further, but hardly with any weight."""
CPU_ROOM = 256**2
"""Pixels of tiles that a CPU works on at once at most: it wins by fewer and larger steps, and larger ones than these
bring nothing."""
FEATHER = 16
"""Pixels on each side of an edge over which tiles that stand alone are blended."""

UNKNOWN = 4000
"""Values a pixel that a network is taken to hold which does not tell."""


class Manner(Enum):
    """The ways of restoring an image."""

    WHOLE = "in one piece"
    PARTS = "part by part, each in tiles"
    """Feature maps of the whole image are kept between the parts of the network: exact, with little work done twice."""
    FUSED = "fine levels in tiles again and again, coarse levels part by part"
    """Only feature maps of coarse levels are kept; finer ones are computed again for every sum that is asked for:
    exact as well, with less memory and more work."""
    ALONE = "in tiles that know nothing of one another"
    """What networks get that make no sums, or do not tell: near to the whole image's result, not equal to it."""


@dataclass(frozen=True)
class Plan:
    """How an image is restored."""

    manner: Manner
    """The way."""
    side: int = 0
    """Side of tiles in pixels; 0 where each part has its own."""
    values: int = 0
    """Values of inputs that a part may have in the tiles that are worked on at once, where each has its own side."""
    margin: int = 0
    """Pixels around tiles, where they hold for the whole network."""
    below: int = 0
    """Stride from which on levels are computed part by part, when finer ones are fused."""
    feather: int = 0
    """Pixels on each side of an edge over which tiles are blended."""
    room: int = 0
    """Pixels that tiles of one shape may have together, margins included, to be worked on at once; 0 for one by one."""

    def __str__(self) -> str:
        tiles = f", tiles of {self.side} px" if self.side else ""
        return f"{self.manner.value}{tiles}"


def count_rounds(known: Outline, plan: Plan) -> int:
    """How often an image is gone over in tiles: once for each part, and once more for each sum over the image.

    Args:
        known: The network.
        plan: How it is restored.
    """
    if plan.manner is Manner.PARTS:
        return sum(1 + moment.sums for moment in known.moments) + 1  # and the head
    if plan.manner is Manner.FUSED:
        fine = sum(moment.sums for moment in known.moments if moment.level < plan.below)
        return fine + 2 + sum(1 + moment.sums for moment in known.moments if moment.level >= plan.below)
    return 1


def make_plan(
    known: Outline, size: tuple[int, int], *, tile: int, host: int, device: int | None = None, align: int = 1
) -> Plan:
    """Chooses the way that takes least time among those for which memory suffices.

    Args:
        known: The network.
        size: Height and width of the image, multiples of the stride.
        tile: Side of tiles that people ask for; 0 if they do not.
        host: Bytes free in the memory of the machine.
        device: Bytes free on the device that computes, where it has memory of its own.
        align: Multiple of pixels that margins are.

    Raises:
        UserError: If memory suffices for none.
    """
    pixels = size[0] * size[1]
    on_device = host if device is None else device
    told = bool(known.moments)
    if not 0 < tile < max(size) and VALUE * pixels * (2 * PIXEL + (known.fused() or UNKNOWN)) <= on_device:
        return Plan(Manner.WHOLE)

    def for_tiles(held: float) -> int:
        """Bytes left for the work on a tile when so many values a pixel stay in the memory of the machine."""
        left = host - int(VALUE * pixels * (held + PIXEL))
        return min(TILE_MEMORY, left if device is None else on_device if left > 0 else 0)

    room = CPU_ROOM if device is None else pixels
    memory = for_tiles(known.held(1))
    if told and memory >= LEAST_MEMORY:
        return Plan(Manner.PARTS, side=_rounded(tile, align), values=_values(known, memory), room=room)
    if known.sums:
        return _fused(known, pixels, for_tiles, tile, align, room)
    return _alone(known, for_tiles(0), tile, align, room)


def _fused(known: Outline, pixels: int, for_tiles: Callable[[float], int], tile: int, align: int, room: int) -> Plan:
    least = []
    for below in known.descents:
        held, working = known.held(below), VALUE * known.fused(below)
        margin = -(-known.reach_above(below) // align) * align
        # A tile of twice its margin is computed four times over, which is what we put up with.
        needed = max(LEAST_MEMORY, int(working * (4 * margin) ** 2))
        memory = for_tiles(held)
        if memory >= needed:
            fitting = int(memory / working)
            side = tile or int(fitting**0.5) - 2 * margin
            values, room = _values(known, memory), min(room, fitting)
            return Plan(Manner.FUSED, _rounded(side, align), values, margin, below, room=room)
        least.append(VALUE * pixels * (held + PIXEL) + needed)
    raise UserError(
        f"not enough memory: an image of {pixels / 1e6:.1f} megapixels takes {min(least) / 2**20:.0f} MiB or more with "
        "this network; scale it down or cut it"
    )


def _alone(known: Outline, memory: int, tile: int, align: int, room: int) -> Plan:
    reach = known.whole_reach or WIDEST_MARGIN
    margin = max(FEATHER, min(WIDEST_MARGIN, -(-reach // align) * align))
    margin = -(-margin // align) * align
    fitting = int(max(memory, LEAST_MEMORY) / VALUE / (known.fused() or UNKNOWN))
    side = tile or int(fitting**0.5) - 2 * margin
    return Plan(Manner.ALONE, _rounded(max(side, 4 * FEATHER), align), 0, margin, 0, FEATHER, min(room, fitting))


def _values(known: Outline, memory: int) -> int:
    return int(memory / VALUE / known.expansion)


def _rounded(side: int, align: int) -> int:
    return side // align * align if side else 0
