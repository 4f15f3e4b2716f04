-- What one run has shown, hour by UTC hour: one row an hour in order, from its first to its last.
-- $run: the run.  $since_ns: only hours that begin then or later (default: all).
-- $capital_usd: the allocation, for pnl_share (default: it is NULL).
-- $warm_s: seconds of market data before the run is warm (default: 3600, the longest session ramp).
-- $gap_share: the share of an hour without market data above which the hour has a gap (default: 0.05).
--
-- Judge only rows with whole AND warm AND NOT gap:
--   whole  the hour is over, all of it was lived, and the run's own clock and the UTC clock agree on how
--          long it was; a clock that stepped back, or an hour missing before this one, makes it false
--   warm   the run was warm when the hour began
--   gap    market data was missing for more than $gap_share of it
-- A fill counts in the hour it happened in, once, however often and however late it is told:
--   fills, pending                 fills; those whose markouts are still to come
--   markouts, notional_usd         fills whose markout at 5 s is known, and their notional
--   edge_usd_bps, edge_usd_bps_sq  over those, the sums of notional·(mk5 − fee) and of its square
--   adverse, losing                of those, with a mid more than 1 bp against us (as `evidence`); at a loss net of fee
--   half_spread_usd_bps            over those, the sum of notional·half-spread
-- What a counter or the equity gained since the last sample before the hour; NULL in an hour without samples:
--   filled_orders, quote_s, live_s, gap_s, null_n, null_adverse, actions, pnl_usd, pnl_share
-- spread_ratio: the median of own over market spread, NULL where nothing was quoted.
-- What happens on the hour belongs to the hour before it: its last sample is its end.
WITH start AS (  -- its first sample, and by its own clock when it began
  SELECT asset, mode, equity_usd, ts_ns - (live_s + gap_s) * 1e9 AS begun_ns
  FROM samples WHERE run = $run ORDER BY seq LIMIT 1
),
b AS (
  SELECT (ts_ns - 1) // 3600000000000 AS hour, max(ts_ns) AS last_ns, min(seq) AS first_seq, max(seq) AS last_seq,
         max(quote_s) AS quote_s, max(live_s) AS live_s, max(gap_s) AS gap_s, max(filled_orders) AS filled_orders,
         max(null_n) AS null_n, max(null_adverse) AS null_adverse, max(actions) AS actions,
         arg_max(equity_usd, seq) AS equity_usd,
         median(spread_ratio) AS spread_ratio
  FROM samples WHERE run = $run GROUP BY 1
),
d AS (
  SELECT hour, spread_ratio,
         coalesce(first_seq > lag(last_seq) OVER w, TRUE) AS follows,
         last_ns - coalesce(lag(last_ns) OVER w, start.begun_ns) AS elapsed_ns,
         coalesce(lag(live_s) OVER w, 0) AS warmed_s,
         b.equity_usd - lag(b.equity_usd, 1, start.equity_usd) OVER w AS pnl_usd,
         quote_s - lag(quote_s, 1, 0) OVER w AS quote_s, live_s - lag(live_s, 1, 0) OVER w AS live_s,
         gap_s - lag(gap_s, 1, 0) OVER w AS gap_s, filled_orders - lag(filled_orders, 1, 0) OVER w AS filled_orders,
         null_n - lag(null_n, 1, 0) OVER w AS null_n, null_adverse - lag(null_adverse, 1, 0) OVER w AS null_adverse,
         actions - lag(actions, 1, 0) OVER w AS actions
  FROM b, start WINDOW w AS (ORDER BY hour)
),
f AS (
  SELECT hour, count(*) AS fills
  FROM (SELECT (arg_min(ts_ns, seq) - 1) // 3600000000000 AS hour FROM fills WHERE run = $run GROUP BY tid) GROUP BY hour
),
m AS (  -- in one order always: the last bit of a sum depends on it, and so does a verdict's hash
  SELECT hour, count(*) AS told, count(e) AS markouts, sum(notional_usd ORDER BY seq) FILTER (e IS NOT NULL) AS notional_usd,
         sum(notional_usd * e ORDER BY seq) AS edge_usd_bps, sum(notional_usd * e * notional_usd * e ORDER BY seq) AS edge_usd_bps_sq,
         count(*) FILTER (mk5 - half_spread_bps < -1) AS adverse, count(*) FILTER (e < 0) AS losing,
         sum(notional_usd * half_spread_bps ORDER BY seq) FILTER (e IS NOT NULL) AS half_spread_usd_bps
  FROM (
    SELECT seq, (ts_ns - 1) // 3600000000000 AS hour, notional_usd, half_spread_bps, mk5, mk5 - fee_bps AS e
    FROM markouts WHERE run = $run QUALIFY seq = min(seq) OVER (PARTITION BY tid)
  ) GROUP BY hour
),
told AS (SELECT hour FROM b UNION SELECT hour FROM f UNION SELECT hour FROM m),
hours AS (SELECT unnest(generate_series(min(hour), max(hour))) AS hour FROM told),
ended AS (SELECT max(last_ns) AS ts_ns FROM b)
SELECT $run AS run, start.asset, start.mode, hours.hour,
       coalesce(f.fills, 0) AS fills, greatest(coalesce(f.fills, 0) - coalesce(m.told, 0), 0) AS pending,
       coalesce(m.markouts, 0) AS markouts, coalesce(m.notional_usd, 0) AS notional_usd,
       coalesce(m.edge_usd_bps, 0) AS edge_usd_bps, coalesce(m.edge_usd_bps_sq, 0) AS edge_usd_bps_sq,
       coalesce(m.adverse, 0) AS adverse, coalesce(m.losing, 0) AS losing,
       coalesce(m.half_spread_usd_bps, 0) AS half_spread_usd_bps,
       d.filled_orders, d.quote_s, d.live_s, d.gap_s, d.null_n, d.null_adverse, d.actions,
       d.pnl_usd, d.pnl_usd / $capital_usd::DOUBLE AS pnl_share, d.spread_ratio,
       -- 5 s is the longest silence that is no gap, so the last sample before the hour may be so old
       coalesce(d.warmed_s >= coalesce($warm_s::DOUBLE, 3600) - 5, FALSE) AS warm,
       coalesce(
         d.follows AND abs(d.live_s + d.gap_s - 3600) <= 5
         AND abs(d.live_s + d.gap_s - d.elapsed_ns / 1e9) <= 1
         AND ended.ts_ns >= (hours.hour + 1) * 3600000000000 - 1000000000,
         FALSE) AS whole,
       coalesce(d.gap_s > coalesce($gap_share::DOUBLE, 0.05) * 3600, TRUE) AS gap
FROM hours LEFT JOIN d USING (hour) LEFT JOIN f USING (hour) LEFT JOIN m USING (hour), ended LEFT JOIN start ON TRUE
WHERE $since_ns IS NULL OR hours.hour * 3600000000000 >= $since_ns
ORDER BY hours.hour
