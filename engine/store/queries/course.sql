-- The samples of one run in a window, and the one before it, from which its counters run.
-- $run: the run.  $from_ns, $until_ns: after the one, up to the other (default: all).
SELECT ts_ns, equity_usd, quote_s, live_s, filled_orders, null_n, null_adverse, kappa, kappa_confidence, spread_ratio,
       spread_usd, adverse_usd, inventory_usd, fees_usd, funding_usd
FROM samples
WHERE run = $run AND ($until_ns IS NULL OR ts_ns <= $until_ns)
  AND ($from_ns IS NULL OR ts_ns >= coalesce((SELECT max(ts_ns) FROM samples WHERE run = $run AND ts_ns <= $from_ns), $from_ns))
ORDER BY seq
