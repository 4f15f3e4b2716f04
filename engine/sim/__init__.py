"""A market and a venue on paper, deterministic and compiled.

Reading order: `scenarios` (markets with a name, and the figures they are held to), `displayed` (the
book of the competing makers), `market` (prices and takers), `universe` (which asset is which
market). On paper: `rules` (what the venue is told), `latency`, `venue` (what becomes of a request),
`queue` and `matching` (who is filled), `account` (money, margin, requests), `clocks` (whose turn it
is), `session` (maker and venue together).
"""
