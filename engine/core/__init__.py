"""Pure decisions: no clock, no I/O, no randomness.

Reading order: `book`, `ledger`, `orders` (what is), `volatility`, `intensity`, `markout`,
`calibration` (what we learn), `glft`, `ladder`, `reconcile` (what we want), `risk` (what we may),
`maker` (the one state machine that joins them).
"""
