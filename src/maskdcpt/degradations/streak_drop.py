"""Rain seen through a wet pane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from maskdcpt.degradations.base import Level
from maskdcpt.degradations.chain import Composite
from maskdcpt.degradations.parameters import parameter
from maskdcpt.degradations.rain import RainStreak
from maskdcpt.degradations.raindrop import Raindrop


@dataclass(frozen=True)
class StreakDrop(Composite):
    """Rain streaks behind a pane with drops on it, the joint damage of RainDS.

    Quan et al. ("Removing raindrops and rain streaks in one go", CVPR 2021) photograph such scenes; light meets the
    falling rain first and the pane last. Lengths of streaks and radii of drops are middling ones.
    """

    type_name: ClassVar[str] = "streak_drop"
    title: ClassVar[str] = "Rain streaks and drops"

    density: float = parameter(0, 500, "streaks per 10 000 pixels")
    """Streaks that begin in 10 000 pixels, over all distances."""

    count: float = parameter(0, 300, "drops per 256 x 256 pixels")
    """Mean number of drops on the pane in 256 x 256 pixels."""

    def parts(self) -> tuple[Level, ...]:
        """Streaks, then drops."""
        return RainStreak(self.density, 30), Raindrop(self.count, 10)
