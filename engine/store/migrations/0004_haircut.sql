-- What paper flattered each asset by, as gaps were recorded: a reading of the audit, so the chain proves it.
CREATE VIEW haircut AS
  SELECT id, seq, asset, (body->>'attempt')::BIGINT AS attempt, body->>'venue' AS venue,
         (body->>'gap_bps')::DOUBLE AS gap_bps, (body->>'se_bps')::DOUBLE AS se_bps,
         (body->>'hours')::BIGINT AS hours, (body->>'fills')::BIGINT AS fills,
         body->>'paper_run' AS paper_run, body->>'live_run' AS live_run, body->>'cause' AS cause, ts_ns
  FROM audit_row WHERE kind = 'note' AND body->>'what' = 'gap';
