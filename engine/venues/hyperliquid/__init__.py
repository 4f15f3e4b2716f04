"""Hyperliquid on the wire: `answers` (shapes), `info` (requests), `listing`, `market`."""
