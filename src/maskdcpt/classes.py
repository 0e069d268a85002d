"""What classifiers can name besides types of damage."""

from __future__ import annotations

CLEAN = "clean"
"""The class of images that are shown undamaged."""
