"""How much of the position limit a young session may use: 10 % at first, growing with √t."""

import math

from engine.record import kernel


@kernel
def fraction(start_ns: int, now_ns: int, duration_ns: int, initial: float) -> float:
    """Return ``initial + (1 - initial)·√(t/T)``; a ramp not started gives `initial`.

    docs/model.md, "Limits".

    >>> [round(fraction(1, 1 + t, 1800, 0.1), 3) for t in (0, 60, 300, 900, 1800)]
    [0.1, 0.264, 0.467, 0.736, 1.0]
    """
    if start_ns == 0:
        return initial
    if duration_ns <= 0 or now_ns - start_ns >= duration_ns:
        return 1.0
    return initial + (1.0 - initial) * math.sqrt(max(now_ns - start_ns, 0) / duration_ns)
