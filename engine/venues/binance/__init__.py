"""Binance, the leading venue: `symbols` confirms that the perpetual we would follow exists."""
