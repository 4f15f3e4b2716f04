"""What holds the ramp: while it lasts, capital may fall but does not rise."""

from datetime import UTC, datetime

from engine.gates.bounds import Bounds
from engine.gates.verdict import Verdict
from engine.thresholds.ramp import WEEKDAYS, FreezeWindow, RampPolicy


def holding(
    policy: RampPolicy,
    ts_ns: int,
    *,
    stopped: str = "",
    gap: Bounds | None = None,
    haircut_bps: float = 0.0,
) -> tuple[str, ...]:
    """Return what holds the ramp at a time, each in words; empty where nothing does.

    Parameters
    ----------
    ts_ns
        the time [ns UTC].
    stopped
        why the line was stopped and by whom; empty where it was not.
    gap
        the measured gap from paper to live [bps]; None where none was measured: unknown holds
        nothing.
    haircut_bps
        the gap that was assumed when the asset was sent live [bps].
    """
    found = [f"the line is stopped: {stopped}"] if stopped else []
    found += [f"frozen: {window.name}" for window in policy.freeze if in_force(window, ts_ns)]
    bar = haircut_bps + policy.gap_alarm.beyond_haircut_bps
    if gap is not None and gap.lo > bar:
        found.append(
            f"paper flatters by {gap.value:.1f} bps [{gap.lo:.1f}, {gap.hi:.1f}], surely more "
            f"than {bar:.1f}"
        )
    return tuple(found)


def hold_back(verdict: Verdict, holds: tuple[str, ...]) -> Verdict:
    """Return a verdict that would put capital at risk, held back while anything holds the ramp."""
    if not verdict.passed or not holds:
        return verdict
    words = f"HELD: {'; '.join(holds)}. {verdict.words}"
    return verdict.model_copy(
        update={"verdict": "NOT_YET", "asks": "hold", "missing": holds, "words": words}
    )


def in_force(window: FreezeWindow, ts_ns: int) -> bool:
    """Say whether a freeze window covers a time [ns UTC]."""
    at = datetime.fromtimestamp(ts_ns // 10**9, UTC)
    if window.weekdays and WEEKDAYS[at.weekday()] not in window.weekdays:
        return False
    first, last = window.first_day or at.date(), window.last_day or at.date()
    return first <= at.date() <= last and window.from_hour <= at.hour < window.to_hour
