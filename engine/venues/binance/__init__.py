"""Binance, the leading venue, read without a key.

`symbols` confirms that the perpetual we would follow exists. Market data passes through `codec`
(a frame is a message), `depth` (changes are a touch) and `reference` (what the maker hears of it).
"""
