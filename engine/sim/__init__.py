"""A market and a venue on paper, deterministic and compiled.

Reading order: `scenarios` (markets with a name, and the figures they are held to), `displayed` (the
book of the competing makers), `market` (prices and takers), `universe` (which asset is which
market), `venue` (our orders: latency, queue, fees), `session` (maker, market and venue together).
"""
