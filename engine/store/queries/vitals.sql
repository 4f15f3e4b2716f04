-- How one run has been doing over its last hours: one row, and NULL wherever there is no evidence.
-- $run: the run.  $hours: how far back from its newest sample (default 24).
-- $loops_hours: how far back a loop may have learned for the last time (default 3).
WITH s AS MATERIALIZED (
  SELECT seq, ts_ns, live_s, own_fills, outcomes, headroom, position FROM samples WHERE run = $run
),
last AS (SELECT max(ts_ns) AS ts_ns, max(live_s) / 3600 AS hours FROM s),
since AS (
  SELECT ts_ns - (coalesce($hours::DOUBLE, 24) * 3600000000000)::BIGINT AS ts_ns,
         ts_ns - (coalesce($loops_hours::DOUBLE, 3) * 3600000000000)::BIGINT AS loops_ns
  FROM last
),
held AS (  -- a position may come and go between two samples
  SELECT max(abs(position)) AS position FROM (
    SELECT position, ts_ns FROM s UNION ALL SELECT position, ts_ns FROM fills WHERE run = $run
  ) AS seen, since WHERE seen.ts_ns > since.ts_ns
)
SELECT last.ts_ns AS last_ns, since.ts_ns AS since_ns, last.hours,
       max(s.own_fills) - coalesce(max(s.own_fills) FILTER (s.ts_ns <= since.loops_ns), 0) AS kappa_updates,
       max(s.outcomes) - coalesce(max(s.outcomes) FILTER (s.ts_ns <= since.loops_ns), 0) AS as_outcomes,
       min(s.headroom) FILTER (s.ts_ns > since.ts_ns) AS headroom,
       any_value(held.position) AS largest_position
FROM s, last, since, held
GROUP BY last.ts_ns, since.ts_ns, last.hours
