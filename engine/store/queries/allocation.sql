-- What one run may lose of what: no row where it was never part of an onboarding.  $run: the run.
SELECT (config->>'capital_usd')::DOUBLE * coalesce(start.fraction, 1) AS capital_usd,
       (config->>'kill_fraction')::DOUBLE AS kill_fraction
FROM asset_state,
     (SELECT max((body->>'fraction')::DOUBLE) AS fraction FROM events WHERE run = $run AND name = 'start') AS start
WHERE asset_state.run = $run AND config IS NOT NULL
