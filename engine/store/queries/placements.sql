-- The markouts of one run in a window, each with what was said when its order was placed.
-- $run: the run.  $from_ns, $until_ns: after the one, up to the other (default: all).
SELECT ts_ns, side, notional_usd, fee_bps, half_spread_bps, mk5, mk60, mk300,
       mk5 - half_spread_bps < -1 AS adverse, p_adverse, p_base, expected_edge_bps
FROM markouts
WHERE run = $run AND ($from_ns IS NULL OR ts_ns > $from_ns) AND ($until_ns IS NULL OR ts_ns <= $until_ns)
ORDER BY seq
