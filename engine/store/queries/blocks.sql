-- The hourly blocks of one run's evidence clock; a markout counts in the hour of the sample after it.
-- $run: the run.
WITH s AS (
  SELECT *, greatest(ceil(live_s / 3600)::BIGINT - 1, 0) AS hour FROM samples WHERE run = $run
),
b AS (
  SELECT hour, min(ts_ns) AS first_ns, max(ts_ns) AS last_ns, max(live_s) AS live_s, max(quote_s) AS quote_s,
         max(gap_s) AS gap_s, max(filled_orders) AS filled_orders, max(actions) AS actions, max(null_n) AS null_n,
         max(null_adverse) AS null_adverse, arg_max(equity_usd, seq) AS equity_usd, median(spread_ratio) AS spread_ratio
  FROM s GROUP BY hour
),
m AS (
  SELECT coalesce(s.hour, (SELECT max(hour) FROM s)) AS hour, count(mk5) AS markouts, sum(notional_usd) AS notional_usd,
         sum(notional_usd * (mk5 - fee_bps)) / nullif(sum(notional_usd) FILTER (mk5 IS NOT NULL), 0) AS edge_bps,
         sum(mk5 - fee_bps) AS edge_sum_bps, sum((mk5 - fee_bps) * (mk5 - fee_bps)) AS edge_sum_sq,
         count(*) FILTER (mk5 - half_spread_bps < -1) AS adverse
  FROM (SELECT * FROM markouts WHERE run = $run) AS k ASOF LEFT JOIN s ON k.ts_ns <= s.ts_ns
  GROUP BY 1
)
SELECT b.hour, b.first_ns, b.last_ns,
       (b.hour + 1) * 3600 <= max(b.live_s) OVER () + 1 AS whole,
       coalesce(m.markouts, 0) AS markouts, coalesce(m.notional_usd, 0) AS notional_usd,
       m.edge_bps, m.edge_sum_bps, m.edge_sum_sq, coalesce(m.adverse, 0) AS adverse,
       b.equity_usd,
       b.equity_usd - lag(b.equity_usd, 1, (SELECT arg_min(equity_usd, seq) FROM s)) OVER w AS pnl_usd,
       b.quote_s - lag(b.quote_s, 1, 0) OVER w AS quote_s,
       b.gap_s - lag(b.gap_s, 1, 0) OVER w AS gap_s,
       b.filled_orders - lag(b.filled_orders, 1, 0) OVER w AS filled_orders,
       b.actions - lag(b.actions, 1, 0) OVER w AS actions,
       b.null_n - lag(b.null_n, 1, 0) OVER w AS null_n,
       b.null_adverse - lag(b.null_adverse, 1, 0) OVER w AS null_adverse,
       b.spread_ratio
FROM b LEFT JOIN m USING (hour)
WINDOW w AS (ORDER BY b.hour)
ORDER BY b.hour
