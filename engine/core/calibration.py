"""How far this session has learned: the mean of two progresses, from this session's data only.

docs/model.md, eq. 17.
"""

from typing import Any

from engine.core.intensity import confidence
from engine.record import kernel

ENOUGH_OUTCOMES = 20.0
ENOUGH_CONFIDENCE = 0.5


@kernel
def as_progress(markouts: Any) -> float:
    """Return min(outcomes / 20, 1): how much of adverse selection has been seen."""
    return min(markouts.outcomes / ENOUGH_OUTCOMES, 1.0)


@kernel
def kappa_progress(intensity: Any) -> float:
    """Return min(kappa_confidence / 0.5, 1): how well the fill intensity is known."""
    return min(confidence(intensity) / ENOUGH_CONFIDENCE, 1.0)


@kernel
def progress(markouts: Any, intensity: Any) -> float:
    """Return (as_progress + kappa_progress) / 2, zero at the start of a session."""
    return 0.5 * (as_progress(markouts) + kappa_progress(intensity))
