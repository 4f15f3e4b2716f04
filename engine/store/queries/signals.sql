-- What each signal said at every sample of one run, beside the mid.
-- $run: the run.  $from_ns, $until_ns: after the one, up to the other (default: all).
SELECT ts_ns, mid, alpha_micro_bps, alpha_flow_bps, alpha_lead_bps, alpha_cross_bps
FROM samples
WHERE run = $run AND ($from_ns IS NULL OR ts_ns > $from_ns) AND ($until_ns IS NULL OR ts_ns <= $until_ns)
ORDER BY seq
