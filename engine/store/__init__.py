"""How evidence is kept: engines append to a spool, whoever needs an answer catches up and asks.

Reading order: `home` (where things lie on disk), `kinds` (the rows an engine may write), `spool`
(the engine's append-only file), `ingest` (bytes of a spool to checked tables), `metrics` (the one
owner of the DuckDB file), then `migrations/` (the schema) and `queries/` (every question that may
be asked). `tape` keeps recorded market data, `tail` what is recorded and not a tape yet;
`admission` says what may enter one; `latency_file` reads measured delays.
"""
