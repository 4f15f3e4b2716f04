-- What happened to one run, in order.  $run: the run.  $name: only events of this name (default: all).
SELECT ts_ns, name, body FROM events
WHERE run = $run AND ($name IS NULL OR name = $name) ORDER BY seq
