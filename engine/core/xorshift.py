"""Random numbers that a replay draws again: the state is one number of the record that owns it.

References
----------
Marsaglia, *Xorshift RNGs*, J. Stat. Softw. 8 (2003), sec. 3.
"""

from engine.record import kernel

MASK = 0xFFFFFFFF


@kernel
def after(x: int) -> int:
    """Return the 32 bits that follow `x`, which must not be zero; in 64 bits nothing overflows."""
    x ^= (x << 13) & MASK
    x ^= x >> 17
    x ^= (x << 5) & MASK
    return x
