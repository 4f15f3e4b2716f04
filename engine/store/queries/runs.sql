-- Every run gates may judge, the latest first; the band beside a paper run has modes of its own.
-- $asset: only this asset's (default: all).
SELECT run, any_value(asset) AS asset, any_value(mode) AS mode, min(ts_ns) AS first_ns, max(ts_ns) AS last_ns,
       count(*) AS samples, max(live_s) / 3600 AS hours, arg_max(equity_usd, seq) AS equity_usd
FROM samples WHERE mode IN ('paper', 'live') AND ($asset IS NULL OR asset = $asset)
GROUP BY run ORDER BY last_ns DESC, run
