r"""Whether the leading venue leads, by how much, and whether that is more than luck.

Both mids are sampled as we hear them, every 100 ms. The returns go into blocks of 512; in a
finished block each series is brought to mean 0 and length 1, and

.. math:: ρ_k = \sum_t own_t \, ref_{t-k}, \qquad k = 1 \dots 10,

is averaged over blocks with a half-life of ten minutes. k = 0 is left out: venues that move
together follow nobody. The statistic is max |ρ_k|; its null is the same maximum, of the same
average, after the reference was shifted round the block by a random distance longer than any lag.
With 39 such shifts, spread over the next block's time, a lead counts when at most one of them
reaches it: a test at 5 %, whatever ticks and zeros the returns are made of (the verdict on the
first block alone is a little generous, since the windows of one block overlap).

The signal is the demeaned basis ``ln(ref/own) - its mean over ten minutes``, so that a constant
premium says nothing, and exactly 0 without a significant lead (docs/model.md, Lead and lag).

References
----------
Huth and Abergel, *High frequency lead/lag relationships*, J. Empir. Finance 26 (2014), sec. 2;
Phipson and Smyth, *Permutation p-values should never be zero*, Stat. Appl. Genet. Mol. Biol. 9
(2010), eq. 2; circular shifts after Politis and Romano, *A circular block-resampling procedure*
(1992).
"""

import math
from typing import Annotated, Any

from engine.core import xorshift
from engine.record import f8, i8, kernel, record

GRID_NS = 100_000_000
BLOCK = 512  # grid points, a power of two: 51 s
MASK = BLOCK - 1
LAGS = 10  # up to one second
SHIFTS = 39  # with the observation itself 40, of which 2 are 5 %
SHIFT_EVERY = 13  # grid points, so that 39 shifts fit into a block
ALLOWED = 1  # shift that may reach a significant statistic
HALFLIFE_S = 600.0
GAP_NS = 5_000_000_000  # a longer silence breaks the path
WARM_POINTS = 600.0  # grid points until a mean basis is one
SEED = 0x2545F491


@record
class LeadLag:
    """Two blocks: one fills with returns while the one before, standardised, is tested."""

    own_mid: f8  # as of the last call
    ref_mid: f8
    next_ns: i8
    own_last: f8  # on the last grid point where both were known
    ref_last: f8
    last_ns: i8
    basis: f8  # mean of ln(ref/own)
    basis_n: f8  # grid points it remembers
    own: Annotated[f8, BLOCK]
    ref: Annotated[f8, BLOCK]
    filled: i8
    own_tested: Annotated[f8, BLOCK]
    ref_tested: Annotated[f8, BLOCK]
    shifts: i8  # done of this test
    is_testing: i8
    blocks: f8  # remembered
    rhos: Annotated[f8, LAGS]  # mean correlation at each lag; lag k is at k - 1
    nulls: Annotated[f8, (SHIFTS, LAGS)]  # the same after each shift
    random: i8
    n: i8  # verdicts, ever
    best: i8  # lag in grid points
    rho: f8  # correlation there
    null_bits: f8
    reached: i8  # shifts that reached it


@kernel
def update(s: Any, own_mid: float, ref_mid: float, now_ns: int) -> None:
    """Absorb the mids as they are from `now_ns`, our clock, on; pass NaN for one not believed."""
    if now_ns - s.next_ns > GAP_NS:
        s.next_ns = now_ns - now_ns % GRID_NS + GRID_NS
    while s.next_ns <= now_ns:
        _grid_point(s)
        s.next_ns += GRID_NS
    s.own_mid = own_mid
    s.ref_mid = ref_mid


@kernel
def _is_known(s: Any) -> bool:
    return 0.0 < s.own_mid < math.inf and 0.0 < s.ref_mid < math.inf


@kernel
def _grid_point(s: Any) -> None:
    if not _is_known(s):
        return
    if s.next_ns - s.last_ns > GAP_NS:
        s.basis_n = 0.0  # the premium may be another one now
    else:
        s.own[s.filled] = math.log(s.own_mid / s.own_last)
        s.ref[s.filled] = math.log(s.ref_mid / s.ref_last)
        s.filled += 1
    _see_basis(s)
    s.own_last = s.own_mid
    s.ref_last = s.ref_mid
    s.last_ns = s.next_ns
    if s.filled % SHIFT_EVERY == 0 and s.is_testing:
        _try_shift(s)
    if s.filled == BLOCK:
        _close_block(s)


@kernel
def _see_basis(s: Any) -> None:
    keep = 0.5 ** (GRID_NS * 1e-9 / HALFLIFE_S)
    s.basis_n = keep * s.basis_n + 1.0
    s.basis += (math.log(s.ref_mid / s.own_mid) - s.basis) / s.basis_n


@kernel
def _close_block(s: Any) -> None:
    """Begin to test the block that is full; one in which a price stood still says nothing."""
    s.filled = 0
    moved = _standardise(s.own, s.own_tested)
    if _standardise(s.ref, s.ref_tested) and moved:
        s.is_testing = 1
        s.shifts = 0
        s.blocks = 0.5 ** (BLOCK * GRID_NS * 1e-9 / HALFLIFE_S) * s.blocks + 1.0
        _average(s, s.rhos, 0)


@kernel
def _standardise(raw: Any, out: Any) -> bool:
    """Bring a series to mean 0 and length 1; false where it does not move."""
    total = 0.0
    for t in range(BLOCK):
        total += raw[t]
    square = 0.0
    for t in range(BLOCK):
        out[t] = raw[t] - total / BLOCK
        square += out[t] * out[t]
    if square <= 1e-24:  # rounding of a price that stands still
        return False
    scale = 1.0 / math.sqrt(square)
    for t in range(BLOCK):
        out[t] *= scale
    return True


@kernel
def _average(s: Any, mean: Any, shift: int) -> None:
    """Add the correlations of the block, with the reference shifted, to their means."""
    for k in range(LAGS):
        back = shift + k + 1
        a = b = c = d = 0.0  # four sums, for one alone waits for itself
        for t in range(0, BLOCK, 4):
            a += s.own_tested[t] * s.ref_tested[(t - back) & MASK]
            b += s.own_tested[t + 1] * s.ref_tested[(t + 1 - back) & MASK]
            c += s.own_tested[t + 2] * s.ref_tested[(t + 2 - back) & MASK]
            d += s.own_tested[t + 3] * s.ref_tested[(t + 3 - back) & MASK]
        rho = a + b + c + d
        mean[k] += (rho - mean[k]) / s.blocks


@kernel
def _try_shift(s: Any) -> None:
    room = BLOCK - 3 * LAGS  # a lag of either sign is no null
    _average(s, s.nulls[s.shifts], LAGS + _random(s) % room)
    s.shifts += 1
    if s.shifts == SHIFTS:
        s.is_testing = 0
        _judge(s)


@kernel
def _random(s: Any) -> int:
    s.random = xorshift.after(s.random if s.random != 0 else SEED)
    return s.random


@kernel
def _largest(mean: Any) -> int:
    found = 0
    for k in range(1, LAGS):
        if abs(mean[k]) > abs(mean[found]):
            found = k
    return found


@kernel
def _bits(rho: float) -> float:
    """Return the mutual information of two Gaussians with that correlation."""
    return -0.5 * math.log2(max(1.0 - rho * rho, 1e-12))


@kernel
def _judge(s: Any) -> None:
    k = _largest(s.rhos)
    s.best = k + 1
    s.rho = s.rhos[k]
    s.reached = 0
    bits = 0.0
    for j in range(SHIFTS):
        null = s.nulls[j, _largest(s.nulls[j])]
        s.reached += abs(null) >= abs(s.rho)
        bits += _bits(null)
    s.null_bits = bits / SHIFTS
    s.n += 1


@kernel
def is_significant(s: Any) -> bool:
    """Return whether the last verdict found a lead at 5 %; false before the first."""
    return s.n > 0 and s.reached <= ALLOWED


@kernel
def signal(s: Any) -> float:
    """Return the demeaned basis now [fraction of the price]; positive: the reference is ahead."""
    if not is_significant(s) or s.basis_n < WARM_POINTS or not _is_known(s):
        return 0.0
    return math.log(s.ref_mid / s.own_mid) - s.basis


@kernel
def lag_ms(s: Any) -> float:
    """Return the lag [ms] at which our mid follows the reference best; 0 before a verdict."""
    return s.best * GRID_NS * 1e-6


@kernel
def correlation(s: Any) -> float:
    """Return the correlation at that lag, as of the last verdict."""
    return s.rho


@kernel
def p_value(s: Any) -> float:
    """Return the share of shifts that lead as well, the data among them; 1 before a verdict."""
    return (1.0 + s.reached) / (1.0 + SHIFTS) if s.n > 0 else 1.0


@kernel
def mutual_information_bits(s: Any) -> float:
    """Return what a return of the reference tells of ours [bits], less what luck would tell."""
    return max(0.0, _bits(s.rho) - s.null_bits)
