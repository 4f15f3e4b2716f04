-- The edge of one run by the regime a fill's order was placed in, hour by UTC hour.  $run: the run.
-- regime: 0 calm, 1 normal, 2 high, 3 extreme. The other columns are those of `evidence_blocks`.
SELECT (ts_ns - 1) // 3600000000000 AS hour, regime, count(*) AS markouts,
       sum(notional_usd ORDER BY seq) AS notional_usd, sum(notional_usd * e ORDER BY seq) AS edge_usd_bps,
       sum(notional_usd * e * notional_usd * e ORDER BY seq) AS edge_usd_bps_sq
FROM (
  SELECT seq, ts_ns, regime, notional_usd, mk5 - fee_bps AS e
  FROM markouts WHERE run = $run QUALIFY seq = min(seq) OVER (PARTITION BY tid)
)
WHERE e IS NOT NULL AND regime BETWEEN 0 AND 3 GROUP BY 1, 2 ORDER BY 1, 2
