"""The mids of late, to know the one that held when a fill happened that is heard of now."""

from typing import Annotated, Any

from engine.record import f8, i8, kernel, record

MIDS = 256


@record
class Mids:
    """A ring of mids and the venue times since when they held."""

    px: Annotated[f8, MIDS]
    since_ns: Annotated[i8, MIDS]
    n: i8


@kernel
def see(m: Any, px: float, ts_ns: int) -> None:
    """Remember that the mid is `px` from `ts_ns` on."""
    m.px[m.n % MIDS] = px
    m.since_ns[m.n % MIDS] = ts_ns
    m.n += 1


@kernel
def before(m: Any, ts_ns: int) -> float:
    """Return the mid that held just before a venue time, or the oldest remembered; 0 with none."""
    px = 0.0
    for back in range(1, min(m.n, MIDS) + 1):
        k = (m.n - back) % MIDS
        px = m.px[k]
        if m.since_ns[k] < ts_ns:
            break
    return px
