"""Pure decisions: no clock, no I/O, no randomness.

Reading order: `maker` (what an event does), `book`, `mids`, `ledger`, `attribution`, `orders` (what
is), `beliefs` and the estimators it names (what we believe), `quote` (the sum of terms they make),
`limits`, `risk`, `budget` (what we may), `decide`, `ladder`, `reconcile` (what we ask for),
`output`, `report` (what we say).
"""
