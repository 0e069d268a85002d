"""maskdcpt: masked degradation classification pre-training for universal image restoration."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskdcpt import degradations, metrics
    from maskdcpt.backbones import create_backbone, load_backbone
    from maskdcpt.errors import RestoreWarning, UserError
    from maskdcpt.inference import RestoreOptions, Restorer
    from maskdcpt.masking import VisibleMask

__version__ = "0.1.0"

__all__ = [
    "RestoreOptions",
    "RestoreWarning",
    "Restorer",
    "UserError",
    "VisibleMask",
    "__version__",
    "create_backbone",
    "degradations",
    "load_backbone",
    "metrics",
]

# Public names and where they live. They are imported on first use, so that `import maskdcpt` costs nothing.
_HOMES = {
    "RestoreOptions": "maskdcpt.inference",
    "RestoreWarning": "maskdcpt.errors",
    "Restorer": "maskdcpt.inference",
    "UserError": "maskdcpt.errors",
    "VisibleMask": "maskdcpt.masking",
    "create_backbone": "maskdcpt.backbones",
    "load_backbone": "maskdcpt.backbones",
}
_MODULES = ("degradations", "metrics")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"maskdcpt.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'maskdcpt' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
