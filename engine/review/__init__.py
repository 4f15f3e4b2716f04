"""What a day's evidence says: whether forecasts and signals held, and where the money came from.

Nothing here trades or judges a gate. Numbers come with an interval or with what chance alone would
give, and where there is no evidence there is None. Reading order: `intervals` (how sure),
`forecasts` (probabilities against outcomes), `information` (signals against the next move),
`scorecard` (one run's day), `adjustments` (what the procedure would change about it).
"""
