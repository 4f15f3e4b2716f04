-- Where each asset stands. One row an asset; it changes by compare-and-set on (asset, stage, version).
CREATE TABLE asset_state (
  asset VARCHAR NOT NULL, spec JSON NOT NULL, stage VARCHAR NOT NULL, version BIGINT NOT NULL,
  attempt BIGINT NOT NULL, run VARCHAR, run_mode VARCHAR, paper_only BOOLEAN NOT NULL,
  entered_ns BIGINT NOT NULL, facts JSON, config JSON
);
-- Why it stands there. Rows are only ever appended; each carries the hash of the one before it.
CREATE TABLE audit (
  seq BIGINT NOT NULL, kind VARCHAR NOT NULL, asset VARCHAR NOT NULL, ts_ns BIGINT NOT NULL,
  body VARCHAR NOT NULL, prev_hash VARCHAR NOT NULL, hash VARCHAR NOT NULL
);
-- The end of the chain, so that cutting off its tail is noticed too.
CREATE TABLE audit_head (seq BIGINT NOT NULL, hash VARCHAR NOT NULL);
INSERT INTO audit_head VALUES (0, '');

CREATE VIEW audit_row AS
  SELECT concat(kind, '-', seq, '-', left(hash, 12)) AS id, seq, kind, asset, ts_ns, body::JSON AS body FROM audit;
CREATE VIEW verdicts AS
  SELECT id, seq, asset, ts_ns, body->>'stage' AS stage, (body->>'version')::BIGINT AS version,
         body->'verdict'->>'gate' AS gate, body->'verdict'->>'verdict' AS verdict, body->'verdict' AS body
  FROM audit_row WHERE kind = 'verdict';
CREATE VIEW approvals AS
  SELECT id, seq, asset, ts_ns, body->>'stage' AS stage, (body->>'version')::BIGINT AS version,
         body->>'decision' AS decision, body->>'approver' AS approver, body->>'note' AS note
  FROM audit_row WHERE kind = 'approval';
CREATE VIEW transitions AS
  SELECT id, seq, asset, ts_ns, body->>'from' AS from_stage, body->>'to' AS to_stage,
         (body->>'version')::BIGINT AS version, (body->>'attempt')::BIGINT AS attempt,
         body->>'trigger' AS trigger, body->>'run' AS run, (body->'causes')::VARCHAR[] AS causes
  FROM audit_row WHERE kind = 'transition';
CREATE VIEW notes AS
  SELECT id, seq, asset, ts_ns, body FROM audit_row WHERE kind = 'note';
