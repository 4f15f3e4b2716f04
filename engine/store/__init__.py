"""How evidence is kept: engines append to a spool, whoever needs an answer catches up and asks.

Reading order: `home` (where things lie on disk), `kinds` (the rows an engine may write), `spool`
(the engine's append-only file), `ingest` (bytes of a spool to checked tables), `metrics` (the one
owner of the DuckDB file), then `migrations/` (the schema) and `queries/` (every question that may
be asked). Recorded market data: `tape`, then `tape_columns`, `tape_checks`, `tape_file`,
`tape_seal`, `tape_facts`, `tape_verify`, `tape_export`; `tail` is what is recorded and not a tape
yet, and `admission` says what may enter it. `latency_file` reads measured delays.
"""
