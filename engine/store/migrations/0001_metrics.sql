-- What engines measure. Plain tables only (no keys, checks, enums, sequences or indexes), so that the
-- same files run on DuckLake. Rows are unique because offsets commit with them.
CREATE TABLE fills (
  seq BIGINT NOT NULL, run VARCHAR NOT NULL, asset VARCHAR NOT NULL, mode VARCHAR NOT NULL, ts_ns BIGINT NOT NULL,
  tid BIGINT NOT NULL, cloid BIGINT NOT NULL, side BIGINT NOT NULL, px DOUBLE NOT NULL, sz DOUBLE NOT NULL,
  fee_usd DOUBLE NOT NULL, mid DOUBLE, position DOUBLE
);
CREATE TABLE markouts (
  seq BIGINT NOT NULL, run VARCHAR NOT NULL, asset VARCHAR NOT NULL, mode VARCHAR NOT NULL, ts_ns BIGINT NOT NULL,
  tid BIGINT NOT NULL, cloid BIGINT NOT NULL, side BIGINT NOT NULL, notional_usd DOUBLE NOT NULL, fee_bps DOUBLE NOT NULL,
  half_spread_bps DOUBLE, mk1 DOUBLE, mk5 DOUBLE, mk30 DOUBLE, mk60 DOUBLE, mk300 DOUBLE
);
CREATE TABLE samples (
  seq BIGINT NOT NULL, run VARCHAR NOT NULL, asset VARCHAR NOT NULL, mode VARCHAR NOT NULL, ts_ns BIGINT NOT NULL,
  mid DOUBLE, equity_usd DOUBLE NOT NULL, realized_usd DOUBLE, position DOUBLE,
  own_bid DOUBLE, own_ask DOUBLE, mkt_bid DOUBLE, mkt_ask DOUBLE,
  quote_s DOUBLE NOT NULL, live_s DOUBLE NOT NULL, gap_s DOUBLE NOT NULL,
  null_n BIGINT, null_adverse BIGINT, actions BIGINT, filled_orders BIGINT, own_fills BIGINT, outcomes BIGINT,
  kappa DOUBLE, kappa_confidence DOUBLE, as_progress DOUBLE, kappa_progress DOUBLE, calibration DOUBLE,
  sigma DOUBLE, spread_ratio DOUBLE
);
CREATE TABLE events (
  seq BIGINT NOT NULL, run VARCHAR NOT NULL, asset VARCHAR NOT NULL, mode VARCHAR NOT NULL, ts_ns BIGINT NOT NULL,
  name VARCHAR NOT NULL, body JSON
);
-- How far each spool has been read: up to byte next_off, which begins the row after last_seq.
CREATE TABLE ingest_offset (spool VARCHAR NOT NULL, next_off BIGINT NOT NULL, last_seq BIGINT NOT NULL);
-- Lines that could not be understood, each with its place and the reason.
CREATE TABLE dead_letter (spool VARCHAR NOT NULL, byte_off BIGINT NOT NULL, line VARCHAR NOT NULL, reason VARCHAR NOT NULL);
