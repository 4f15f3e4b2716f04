-- What one run has shown: one row, and NULL wherever there is no evidence.
-- $run: the run.  $since_ns: only what came after this time (default: all).  $capital_usd: the allocation.
-- Cumulative counters are taken relative to the last sample at or before $since_ns. A fill told twice counts once.
WITH s_all AS MATERIALIZED (  -- read what is added up once: the table is wide and holds many runs
  SELECT seq, ts_ns, equity_usd, quote_s, live_s, gap_s, null_n, null_adverse, actions, filled_orders, spread_ratio
  FROM samples WHERE run = $run
),
since AS (SELECT coalesce($since_ns::BIGINT, -9223372036854775807) AS ts_ns),
base AS (  -- where the clocks stood when the evidence began
  SELECT coalesce(max(live_s), 0) AS live_s, coalesce(max(quote_s), 0) AS quote_s, coalesce(max(gap_s), 0) AS gap_s,
         coalesce(max(filled_orders), 0) AS filled_orders, coalesce(max(actions), 0) AS actions,
         coalesce(max(null_n), 0) AS null_n, coalesce(max(null_adverse), 0) AS null_adverse,
         arg_max(equity_usd, seq) AS equity_usd
  FROM s_all, since WHERE s_all.ts_ns <= since.ts_ns
),
s AS NOT MATERIALIZED (  -- cheaper seen again than kept again
  SELECT s_all.*, greatest(ceil((s_all.live_s - base.live_s) / 3600)::BIGINT - 1, 0) AS hour,
         s_all.ts_ns // 86400000000000 AS day
  FROM s_all, since, base WHERE s_all.ts_ns > since.ts_ns
),
last AS (
  SELECT min(ts_ns) AS first_ns, max(ts_ns) AS last_ns, max(live_s) AS live_s, max(quote_s) AS quote_s, max(gap_s) AS gap_s, max(filled_orders) AS filled_orders,
         max(actions) AS actions, max(null_n) AS null_n, max(null_adverse) AS null_adverse,
         max(seq) AS last_seq, arg_min(equity_usd, seq) AS first_equity_usd, arg_max(equity_usd, seq) AS equity_usd
  FROM s
),
newest AS (  -- where things stand: by its number, so that no other row of the run is read
  SELECT realized_usd, position, calibration, as_progress, kappa_progress, kappa, kappa_confidence, sigma, own_fills, outcomes
  FROM samples JOIN last ON samples.seq = last.last_seq WHERE run = $run LIMIT 1
),
who AS (SELECT asset, mode FROM samples WHERE run = $run LIMIT 1),
start AS (SELECT coalesce(base.equity_usd, last.first_equity_usd) AS equity_usd FROM base, last),
-- fills and what became of them
f AS (
  SELECT count(*) AS fills, count(*) FILTER (fill.ts_ns > last.last_ns - 3600000000000) AS fills_last_hour
  FROM last, since, (SELECT arg_min(ts_ns, seq) AS ts_ns FROM fills WHERE run = $run GROUP BY tid) AS fill
  WHERE fill.ts_ns > since.ts_ns
),
k AS (
  SELECT seq, ts_ns, notional_usd, fee_bps, half_spread_bps, mk5, mk60, mk300, substr(run, length($run) + 2) AS kind
  FROM markouts WHERE run IN ($run, $run || '.realistic', $run || '.optimistic')
  QUALIFY seq = min(seq) OVER (PARTITION BY run, tid)
),
m AS (  -- adverse is a mid that moved against us by more than 1 bp: markout less the half-spread we kept
  SELECT count(mk5) AS markouts,
         sum(notional_usd * (mk5 - fee_bps) ORDER BY seq) / nullif(sum(notional_usd ORDER BY seq) FILTER (mk5 IS NOT NULL), 0) AS edge_bps,
         sum(notional_usd * (mk60 - fee_bps) ORDER BY seq) / nullif(sum(notional_usd ORDER BY seq) FILTER (mk60 IS NOT NULL), 0) AS edge_60_bps,
         sum(notional_usd * (mk300 - fee_bps) ORDER BY seq) / nullif(sum(notional_usd ORDER BY seq) FILTER (mk300 IS NOT NULL), 0) AS edge_300_bps,
         sum(notional_usd * (mk5 - fee_bps) ORDER BY seq) FILTER (early)
           / nullif(sum(notional_usd ORDER BY seq) FILTER (mk5 IS NOT NULL AND early), 0) AS edge_first_half_bps,
         sum(notional_usd * (mk5 - fee_bps) ORDER BY seq) FILTER (NOT early)
           / nullif(sum(notional_usd ORDER BY seq) FILTER (mk5 IS NOT NULL AND NOT early), 0) AS edge_second_half_bps,
         stddev_samp(mk5 - fee_bps ORDER BY seq) AS edge_sd_bps,
         avg((mk5 - half_spread_bps < -1)::INTEGER) AS as_rate, sum(notional_usd ORDER BY seq) AS notional_usd
  FROM (
    SELECT k.*, k.ts_ns <= last.first_ns + (last.last_ns - last.first_ns) // 2 AS early
    FROM last, since, k WHERE kind = '' AND k.ts_ns > since.ts_ns
  )
),
band AS (  -- the same hours under the kinder fill models: reported, never judged
  SELECT sum(notional_usd * (mk5 - fee_bps) ORDER BY seq) FILTER (kind = 'realistic')
           / nullif(sum(notional_usd ORDER BY seq) FILTER (kind = 'realistic'), 0) AS realistic,
         sum(notional_usd * (mk5 - fee_bps) ORDER BY seq) FILTER (kind = 'optimistic')
           / nullif(sum(notional_usd ORDER BY seq) FILTER (kind = 'optimistic'), 0) AS optimistic
  FROM last, since, k WHERE mk5 IS NOT NULL AND k.ts_ns > since.ts_ns AND k.ts_ns <= last.last_ns
),
-- whole hours of the evidence clock: their profit, and the spread we kept in them
hourly AS (
  SELECT hour, arg_max(equity_usd, seq) AS equity_usd, max(live_s) AS live_s, median(spread_ratio) AS spread_ratio
  FROM s GROUP BY hour
),
whole AS (
  SELECT hourly.equity_usd - lag(hourly.equity_usd, 1, start.equity_usd) OVER (ORDER BY hour) AS pnl_usd
  FROM hourly, start, last, base
  WHERE (hourly.hour + 1) * 3600 <= last.live_s - base.live_s + 1  -- a second late is whole
),
pnl AS (
  SELECT count(*) AS hours_pnl, avg(pnl_usd) AS mean_usd, stddev_samp(pnl_usd) AS sd_usd,
         avg(pnl_usd) / nullif(stddev_samp(pnl_usd), 0) AS ratio
  FROM whole
),
spread AS (SELECT median(spread_ratio) AS spread_ratio FROM hourly),
-- whole UTC days, give or take one per cent of a day at the run's two ends
daily AS (
  SELECT day, arg_max(equity_usd, seq) AS equity_usd FROM s GROUP BY day
),
day_pnl AS (
  SELECT day, equity_usd - lag(equity_usd, 1, (SELECT equity_usd FROM start)) OVER (ORDER BY day) AS pnl_usd FROM daily
),
days AS (
  SELECT count(*) AS days, count(*) FILTER (pnl_usd > 0) AS positive_days
  FROM day_pnl, last
  WHERE day * 86400 >= last.first_ns / 1e9 - 864 AND (day + 1) * 86400 <= last.last_ns / 1e9 + 864
),
-- a gap is a stretch of samples in each of which the gap clock ran: a reading seen twice ends it
reading AS (
  SELECT s.gap_s, count(*) > 1 OR s.gap_s = any_value(base.gap_s) AS stood FROM s, base GROUP BY s.gap_s
),
step AS (
  SELECT gap_s - lag(gap_s, 1, (SELECT gap_s FROM base)) OVER w AS gap_s,
         coalesce(sum(stood::INTEGER) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS nr
  FROM reading WINDOW w AS (ORDER BY gap_s)
),
gap AS (
  SELECT max(gap_s) AS max_gap_s FROM (SELECT sum(gap_s) AS gap_s FROM step GROUP BY nr)
),
peak AS (
  SELECT max(equity_usd) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - equity_usd AS drawdown_usd FROM s
),
e AS (
  SELECT count(*) FILTER (name = 'kill') AS kill_triggers, count(*) FILTER (name = 'loop_broken') AS loops_broken
  FROM since, events WHERE events.run = $run AND events.ts_ns > since.ts_ns
)
SELECT
  $run AS run, if(last.first_ns IS NULL, NULL, (SELECT asset FROM who)) AS asset,
  if(last.first_ns IS NULL, NULL, (SELECT mode FROM who)) AS mode, last.first_ns, last.last_ns,
  (last.live_s - base.live_s) / 3600 AS hours,
  (last.quote_s - base.quote_s) / 3600 AS quoted_hours,
  if(last.first_ns IS NULL, NULL, f.fills) AS fills,
  if(last.first_ns IS NULL, NULL, f.fills_last_hour) AS fills_last_hour,
  last.filled_orders - base.filled_orders AS filled_orders,
  if(last.first_ns IS NULL, NULL, m.markouts) AS markouts, m.notional_usd, m.edge_bps, m.edge_60_bps, m.edge_300_bps,
  m.edge_first_half_bps, m.edge_second_half_bps, m.edge_sd_bps,
  band.realistic AS edge_realistic_bps, band.optimistic AS edge_optimistic_bps,
  (last.filled_orders - base.filled_orders) / nullif((last.quote_s - base.quote_s) / 3600, 0) AS fill_rate,
  m.as_rate,
  (last.null_adverse - base.null_adverse) / nullif(last.null_n - base.null_n, 0) AS as_null,
  -- annualised from hours; the standard error is Lo's (2002) for independent returns
  CASE WHEN pnl.hours_pnl >= 24 THEN pnl.ratio * sqrt(8766) END AS sharpe,
  CASE WHEN pnl.hours_pnl >= 24 THEN sqrt((1 + pnl.ratio * pnl.ratio / 2) * 8766 / pnl.hours_pnl) END AS sharpe_se,
  pnl.mean_usd AS pnl_hour_mean, pnl.sd_usd AS pnl_hour_sd,
  pnl.mean_usd / $capital_usd::DOUBLE * 1e4 AS pnl_hour_mean_bps,
  pnl.sd_usd / $capital_usd::DOUBLE * 1e4 AS pnl_hour_sd_bps,
  if(last.first_ns IS NULL, NULL, pnl.hours_pnl) AS hours_pnl, last.equity_usd - start.equity_usd AS pnl_usd,
  if(last.first_ns IS NULL, NULL, e.kill_triggers) AS kill_triggers,
  if(last.first_ns IS NULL, NULL, e.loops_broken) AS loops_broken,
  spread.spread_ratio, newest.calibration, newest.as_progress, newest.kappa_progress, newest.kappa, newest.kappa_confidence,
  newest.sigma, newest.own_fills, newest.outcomes,
  if(last.first_ns IS NULL, NULL, days.positive_days) AS positive_days, if(last.first_ns IS NULL, NULL, days.days) AS days,
  if(last.first_ns IS NULL, NULL, greatest(gap.max_gap_s, 0)) AS max_gap_s, last.gap_s - base.gap_s AS gap_s,
  (SELECT max(drawdown_usd) FROM peak) AS max_drawdown_usd,
  last.equity_usd, newest.realized_usd, newest.position, last.actions - base.actions AS actions
FROM base, last, start, f, m, band, pnl, spread, days, gap, e LEFT JOIN newest ON TRUE
