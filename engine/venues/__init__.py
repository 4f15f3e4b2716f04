"""Venues and what they know.

Reading order: `rows` (what a market tells a person), `hyperliquid` and `binance` (servers),
`static`, `measured`, `simulated` (markets known from their events), `source` (one question to any
of them), `recorded` (readers of other people's recordings), `stream` (market data as it comes, from
`simulated_stream`, `frames_stream` and `hyperliquid.stream`, with `pacing` and `line` behind them).
"""
