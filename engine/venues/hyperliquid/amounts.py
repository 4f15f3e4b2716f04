"""Prices and sizes as the venue's decimal strings; what would have to be rounded is refused.

References
----------
Hyperliquid documentation, "Tick and lot size" and "Notation", 2026-09-30: a price has at most five
significant figures and ``6 - sz_decimals`` decimals, whole numbers are always legal; a size has at
most ``sz_decimals`` decimals. The strings are those of the official SDK's `float_to_wire`.
"""

from engine.grid import MAX_PX_DECIMALS, SIGNIFICANT_FIGURES

TOLERANCE = 1e-12  # of the SDK: what is farther from its string is not that number
USD_UNITS = 10**6  # of a margin amount in one USD


def wire_px(px: float, sz_decimals: int) -> str:
    """Return the string of a price [USD].

    Raises
    ------
    ValueError
        if the price is not positive, or not on the grid of an asset with `sz_decimals`.

    Examples
    --------
    >>> wire_px(84358.0, 5), wire_px(347.94, 3), wire_px(105055.0, 5), wire_px(0.18648, 0)
    ('84358', '347.94', '105055', '0.18648')
    """
    text = _decimal("px", px, MAX_PX_DECIMALS - sz_decimals)
    if "." in text and len(text.replace(".", "").lstrip("0")) > SIGNIFICANT_FIGURES:
        raise ValueError(
            f"px must have at most {SIGNIFICANT_FIGURES} significant figures or be whole, was {px}"
        )
    return text


def legal_px(px: float, sz_decimals: int) -> float:
    """Return the price on the grid that is nearest to `px` [USD].

    Examples
    --------
    >>> legal_px(39.8004, 2), legal_px(123456.7, 5), legal_px(0.00123456789, 0)
    (39.8, 123457.0, 0.001235)
    """
    if px >= 10 ** (SIGNIFICANT_FIGURES - 1):  # a whole number may have more figures
        return float(round(px))
    return round(float(f"{px:.{SIGNIFICANT_FIGURES}g}"), MAX_PX_DECIMALS - sz_decimals)


def wire_sz(sz: float, sz_decimals: int) -> str:
    """Return the string of a size [coins].

    Raises
    ------
    ValueError
        if the size is not positive, or not a whole number of lots.

    Examples
    --------
    >>> wire_sz(100.0, 2), wire_sz(0.33, 2)
    ('100', '0.33')
    """
    return _decimal("sz", sz, sz_decimals)


def usd_units(usd: float) -> int:
    """Return an amount [USD] in the venue's millionths.

    Raises
    ------
    ValueError
        if it is no whole number of them.

    Examples
    --------
    >>> usd_units(10.5), usd_units(-0.000001)
    (10500000, -1)
    """
    units = round(usd * USD_UNITS)
    if abs(units - usd * USD_UNITS) >= 1e-3:  # the SDK's float_to_int
        raise ValueError(f"usd must have at most 6 decimals, was {usd}")
    return units


def _decimal(field: str, value: float, decimals: int) -> str:
    if 1e-4 <= value < 1e9:  # what `_rounded` says, in half the time: `str` is plain and exact here
        text = str(value)
        whole, _, fraction = text.partition(".")
        if len(fraction) <= decimals or fraction == "0":
            return whole if fraction == "0" else text
    return _rounded(field, value, decimals)


def _rounded(field: str, value: float, decimals: int) -> str:
    if not 0.0 < value < float("inf"):
        raise ValueError(f"{field} must be positive and finite, was {value}")
    text = f"{value:.{decimals}f}"
    if abs(float(text) - value) >= TOLERANCE:
        raise ValueError(f"{field} must have at most {decimals} decimals, was {value}")
    return text.rstrip("0").rstrip(".") if "." in text else text
