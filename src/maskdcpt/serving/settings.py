"""What a worker is started with."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """What a worker is started with."""

    weights: str
    """As for ``load_restorer``."""
    device: str
    """As for ``load_restorer``."""
    runtime: str
    """As for ``load_restorer``."""
    options: dict[str, Any]
    """The plain values of ``RestoreOptions``."""
    pixels: int
    """Most that an image may have, frames together."""
    share: int
    """Workers that share the processor's cores and the memory."""
    folder: str
    """Where temporary files go."""

    def command(self) -> list[str]:
        """The words that start a worker."""
        return [sys.executable, "-m", "maskdcpt.serving.worker", json.dumps(asdict(self))]
