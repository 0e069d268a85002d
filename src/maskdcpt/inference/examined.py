"""An image that has been looked at, and may be restored."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maskdcpt.inference.verdict import Verdict
from maskdcpt.inference.work import Restored, Watch, Workshop


@dataclass(frozen=True, eq=False)
class Examined:
    """An image between looking and restoring."""

    verdict: Verdict
    """What is to be thought of it."""
    pixels: Tensor
    """RGB (3, H, W) in [0, 1]."""
    workshop: Workshop
    """What has looked, and restores."""
    restored: Restored | None
    """What looking has restored, if that is all there is to do."""

    def restore(self, watch: Watch | None = None) -> Restored:
        """Restores it; without another pass through the network if looking was one like it.

        Args:
            watch: As for ``Restorer.restore_pixels``.

        Raises:
            UserError: As for ``Restorer.restore``.
        """
        return self.workshop.restore(self.pixels, watch=watch) if self.restored is None else self.restored
