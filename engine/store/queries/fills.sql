-- The newest fills of one run with their markouts, the latest first.  $run: the run.  $limit: at most (default 100).
SELECT fills.ts_ns, fills.tid, fills.cloid, fills.side, fills.px, fills.sz, fills.fee_usd, fills.mid, fills.position,
       markouts.half_spread_bps, markouts.mk1, markouts.mk5, markouts.mk30, markouts.mk60, markouts.mk300
FROM fills LEFT JOIN markouts ON markouts.run = fills.run AND markouts.tid = fills.tid
WHERE fills.run = $run ORDER BY fills.seq DESC LIMIT coalesce($limit::BIGINT, 100)
