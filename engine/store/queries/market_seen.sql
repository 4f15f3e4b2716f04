-- The market as one run has seen it: one row, and NULL wherever there is no evidence.
-- $run: the run.  Samples are a second apart, so their median is weighted by time.
SELECT median((mkt_ask - mkt_bid) / (mkt_ask + mkt_bid) * 2e4) FILTER (mkt_bid > 0 AND mkt_ask >= mkt_bid) AS spread_bps,
       max(live_s) / 3600 AS hours
FROM samples WHERE run = $run
