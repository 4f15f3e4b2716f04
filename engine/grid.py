"""Hyperliquid's grid of prices as numbers: whoever says a price or a size needs them.

A price has at most five significant figures and ``6 - sz_decimals`` decimals; whole numbers are
always legal (docs: trading/tick-and-lot-size, 2026-09-30).
"""

MAX_PX_DECIMALS = 6
SIGNIFICANT_FIGURES = 5
