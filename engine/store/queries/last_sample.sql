-- The newest sample of one run, or no row.  $run: the run.
SELECT * FROM samples WHERE run = $run ORDER BY seq DESC LIMIT 1
