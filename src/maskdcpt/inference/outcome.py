"""What is wanted of a batch of images, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.images import SAME_NAMES, Naming
from maskdcpt.inference.verdict import Verdict

Status = Literal["restored", "left", "failed", "before"]


@dataclass(frozen=True)
class BatchOptions:
    """Which images are restored, and how they are written.

    Raises:
        UserError: If a value is out of range.
    """

    force: bool = False
    """Whether to replace files that exist."""
    recursive: bool = True
    """Whether to look into folders below a folder."""
    naming: Naming = SAME_NAMES
    """How results in a folder are called; that of a single image has the name that was asked for."""
    leave_clean: bool | None = None
    """Whether images that look clean stay as they are; None for those of a folder or several sources."""
    only: tuple[str, ...] = ()
    """Types of damage; images that look damaged by another stay as they are. All are restored without any."""
    quality: int | None = None
    """Quality of JPEG, WebP and AVIF from 1 to 100; None for that of the original, or a high one."""
    depth: Literal[8, 16, 32] | None = None
    """Bits of a sample, 32 being floating point; None for those of the original."""
    metadata: bool = True
    """Whether results carry EXIF, XMP, colour profile and resolution of their originals."""

    def __post_init__(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UserError(f"quality is {self.quality}; it lies in [1, 100]")

    @property
    def converts(self) -> bool:
        """Whether a result differs in more than its colours from an original in the same format."""
        return self.quality is not None or self.depth is not None or not self.metadata

    def as_dict(self) -> dict[str, Any]:
        """What a result depends on besides its original and its network, as plain values."""
        return {name: value for name, value in asdict(self).items() if name not in ("force", "recursive", "naming")}


@dataclass(frozen=True)
class Outcome:
    """What became of an image."""

    source: Path
    """The image."""
    target: Path
    """Its result."""
    status: Status
    """Restored; left as it was; failed, so that there is no result; or finished by a run before this one."""
    seconds: float = 0.0
    """Time from the start of its reading to the end of its writing, by whichever run; others may be worked on
    meanwhile."""
    verdict: Verdict | None = None
    """What was found in it; None where it was not looked for."""
    notes: tuple[str, ...] = ()
    """What was dropped, approximated or done in another way than usual, a short statement each."""
    reason: str = ""
    """Why it was left, or failed."""

    @classmethod
    def before(cls, source: Path, target: Path, told: Mapping[str, Any]) -> Outcome:
        """That of an image which a run before this one has finished, with what it told of it, if anything."""
        verdict = told.get("verdict")
        return cls(
            source,
            target,
            "before",
            told.get("seconds", 0.0),
            None if verdict is None else Verdict(**verdict),
            tuple(told.get("notes", ())),
            told.get("reason", ""),
        )

    @property
    def told(self) -> dict[str, Any]:
        """What is to be known of it later, as plain values."""
        verdict = None if self.verdict is None else asdict(self.verdict)
        return {"seconds": self.seconds, "verdict": verdict, "notes": list(self.notes), "reason": self.reason}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "source": str(self.source), "target": str(self.target)}


class Shown(NamedTuple):
    """The first frame of an image and of its result, RGB (3, H, W) in [0, 1]."""

    before: Tensor
    """As it was."""
    after: Tensor
    """As it has become."""
