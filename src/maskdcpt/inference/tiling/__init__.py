"""Images that are too large for the memory: worked on in tiles, with the result that the whole image gives."""

from maskdcpt.inference.tiling.outline import Outline, outline
from maskdcpt.inference.tiling.plan import CPU_ROOM, Manner, Plan, count_rounds, make_plan
from maskdcpt.inference.tiling.run import Outcome, run_alone, run_tiled, tile_unit
from maskdcpt.inference.tiling.sweep import Tick

__all__ = [
    "CPU_ROOM",
    "Manner",
    "Outcome",
    "Outline",
    "Plan",
    "Tick",
    "count_rounds",
    "make_plan",
    "outline",
    "run_alone",
    "run_tiled",
    "tile_unit",
]
