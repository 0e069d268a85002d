"""What a worker is started with."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What a worker is started with."""

    weights: str
    """As for ``Restorer.from_pretrained``."""
    device: str
    """As for ``Restorer``."""
    pixels: int
    """Largest image that is decoded, in pixels."""
    share: int
    """Workers that share the processor's cores."""
    folder: str
    """Where temporary files go."""

    def command(self) -> list[str]:
        """The words that start a worker."""
        return [sys.executable, "-m", "maskdcpt.serving.worker", json.dumps(asdict(self))]
