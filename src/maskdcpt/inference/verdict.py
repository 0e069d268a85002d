"""What is to be thought of an image before it is restored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from maskdcpt.classes import CLEAN
from maskdcpt.inference.calibration import Calibration
from maskdcpt.inference.evidence import Evidence


@dataclass(frozen=True)
class Verdict:
    """What weights say about an image."""

    types: Mapping[str, float]
    """Types of damage that the weights know and their probabilities, best first; among them ``clean``, where the
    weights know images without damage."""
    clean: bool | None
    """Whether the image looks clean of the damage that the weights know; None where they cannot tell."""
    unfamiliar: bool | None
    """Whether it lies outside what they were trained on; None where they cannot tell."""
    reason: str
    """All of this in one line for people."""
    complete: bool = False
    """Whether no damage is known that the weights would overlook: they tell what is unfamiliar, or there is none that
    they were not trained on. An image that merely looks clean to weights which overlook some may be damaged by it."""

    @property
    def needless(self) -> bool:
        """Whether restoring the image would be for nothing."""
        return bool(self.clean) and self.complete


def judge(evidence: Evidence, calibration: Calibration | None) -> Verdict:
    """From what a network shows to a verdict.

    What looks unfamiliar is not called clean: damage that the network does not see is damage all the same.

    Args:
        evidence: What it shows.
        calibration: Its thresholds; None where it has none.
    """
    clean, unfamiliar, complete = None, None, False
    if calibration is not None:
        unfamiliar = calibration.unfamiliar.tell(evidence.vector) if calibration.unfamiliar is not None else None
        clean = calibration.clean.tell(evidence.vector)
        if clean is not None and unfamiliar:
            clean = False
        complete = calibration.unfamiliar is None or unfamiliar is not None
    return Verdict(evidence.types, clean, unfamiliar, _reason(evidence, calibration, clean, unfamiliar), complete)


def _reason(evidence: Evidence, calibration: Calibration | None, clean: bool | None, unfamiliar: bool | None) -> str:
    name, probability = next(iter(evidence.types.items()))
    guess = f"{'no damage found' if name == CLEAN else name} ({probability:.0%})"
    change = f"restoring changes it by {evidence.change:.1%} of the range"
    if unfamiliar:
        return f"unlike what the weights were trained on: {guess} is a guess, and the result may be poor; {change}"
    if clean:
        return f"looks clean of the damage that the weights know: {change}"
    asked = CLEAN in evidence.types  # weights that do not know clean images name damage whatever they are shown
    if calibration is None:
        condition = "" if asked else " if it is damaged"
        return f"{guess}{condition}; {change}; the weights are not calibrated, see maskdcpt calibrate"
    if clean is None and not asked:
        return f"{guess} if it is damaged, which these weights cannot tell; {change}"
    if clean is None or name == CLEAN:
        return f"{guess}, but not for certain; {change}"
    return f"{guess}; {change}"
