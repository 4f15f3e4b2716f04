"""Numbers as the venue writes them: decimal strings outside, integers inside.

A price is an integer number of units of 10^-(6 - szDecimals), a size one of lots of
10^-szDecimals; so price times size is a whole number of micro-dollars, and every sum is exact.
"""

import re
from typing import Any

USD_DECIMALS = 6
WIRE_DECIMALS = 8
RATE_DECIMALS = 10
MICRO = 10**USD_DECIMALS

_NUMBER = re.compile(r"(\d{1,15})(?:\.(\d{1,40}))?", re.ASCII)


class MalformedError(ValueError):
    """A body the venue could not read: its server answers 422."""


def text(value: int, decimals: int) -> str:
    """Return ``value / 10**decimals`` as the venue writes it: no zeros at the end but one.

    >>> text(27238902, 6), text(-39, 5), text(120, 0), text(0, 6)
    ('27.238902', '-0.00039', '120.0', '0.0')
    """
    sign = "-" if value < 0 else ""
    digits = str(abs(value)).rjust(decimals + 1, "0")
    cut = len(digits) - decimals
    return f"{sign}{digits[:cut]}.{digits[cut:].rstrip('0') or '0'}"


def usd(micro: int) -> str:
    """Return micro-dollars as the venue writes dollars."""
    return text(micro, USD_DECIMALS)


def dollars_and_cents(micro: int) -> str:
    """Return micro-dollars with two decimals, as in the venue's sentences.

    >>> dollars_and_cents(250_350_000)
    '250.35'
    """
    return f"{micro // MICRO}.{micro % MICRO // 10_000:02d}"


def wire(field: str, value: Any) -> int:
    """Return a decimal string of the wire in units of 10^-8.

    Zeros before and after do not matter; a ninth decimal, a sign, an exponent or a JSON number is
    refused as the venue's server refuses it (measured in 2026).

    Raises
    ------
    MalformedError
        if it is not such a string.

    >>> wire("p", "070415.50"), wire("s", "0.00039")
    (7041550000000, 39000)
    """
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MalformedError(f"{field} must be a decimal string, was {value!r}")
    decimals = (match[2] or "").rstrip("0")
    if len(decimals) > WIRE_DECIMALS:
        raise MalformedError(f"{field} must have at most {WIRE_DECIMALS} decimals, was {value!r}")
    return int(match[1] + decimals.ljust(WIRE_DECIMALS, "0"))


def toward_zero(numerator: int, denominator: int) -> int:
    """Return the quotient without its fraction, as the venue cuts fees and funding.

    >>> toward_zero(7, 2), toward_zero(-7, 2)
    (3, -3)
    """
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def nearest(numerator: int, denominator: int) -> int:
    """Return the quotient to the nearest whole number, halves away from zero.

    >>> nearest(7, 2), nearest(-7, 2), nearest(6, 4)
    (4, -4, 2)
    """
    return toward_zero(
        2 * numerator + (denominator if numerator >= 0 else -denominator), 2 * denominator
    )
