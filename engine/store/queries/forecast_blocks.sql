-- What one run foretold and what came, hour by UTC hour: one row an hour in which there was something.
-- $run: the run.
--   forecasts               fills of which P(adverse) was said and the 5 s markout is known
--   brier_sum, base_sum     over those, the squared errors of what was said, and of the base rate so far
--   moves                   samples with a signal whose next sample is near
--   signal_bps2             over those, the sum of signal·(move of the mid to the next sample) [bps²]: what holding
--                           as many units as the signal says would have earned
WITH f AS (
  SELECT (ts_ns - 1) // 3600000000000 AS hour, count(*) AS forecasts,
         sum((p_adverse - adverse) * (p_adverse - adverse) ORDER BY seq) AS brier_sum,
         sum((p_base - adverse) * (p_base - adverse) ORDER BY seq) AS base_sum
  FROM (
    SELECT seq, ts_ns, p_adverse, p_base, (mk5 - half_spread_bps < -1)::INTEGER AS adverse
    FROM markouts WHERE run = $run QUALIFY seq = min(seq) OVER (PARTITION BY tid)
  )
  WHERE p_adverse IS NOT NULL AND p_base IS NOT NULL AND adverse IS NOT NULL GROUP BY 1
),
s AS (
  SELECT seq, ts_ns, mid, lead(mid) OVER w AS next_mid, lead(ts_ns) OVER w - ts_ns AS step_ns,
         CASE WHEN coalesce(alpha_micro_bps, alpha_flow_bps, alpha_lead_bps, alpha_cross_bps) IS NOT NULL
           THEN coalesce(alpha_micro_bps, 0) + coalesce(alpha_flow_bps, 0)
              + coalesce(alpha_lead_bps, 0) + coalesce(alpha_cross_bps, 0) END AS signal_bps
  FROM samples WHERE run = $run WINDOW w AS (ORDER BY seq)
),
m AS (  -- a step longer than two usual ones is a gap, not a move
  SELECT (ts_ns - 1) // 3600000000000 AS hour, count(*) AS moves,
         sum(signal_bps * (next_mid / mid - 1) * 1e4 ORDER BY seq) AS signal_bps2
  FROM s, (SELECT median(step_ns) AS step_ns FROM s) AS usual
  WHERE signal_bps IS NOT NULL AND mid > 0 AND next_mid > 0 AND s.step_ns > 0 AND s.step_ns <= 2 * usual.step_ns
  GROUP BY 1
)
SELECT hour, coalesce(forecasts, 0) AS forecasts, coalesce(brier_sum, 0) AS brier_sum, coalesce(base_sum, 0) AS base_sum,
       coalesce(moves, 0) AS moves, coalesce(signal_bps2, 0) AS signal_bps2
FROM f FULL JOIN m USING (hour) ORDER BY hour
