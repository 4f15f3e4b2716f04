-- Lines that could not be understood, counted by spool and reason.  $spool: only this one (default: all).
SELECT spool, reason, count(*) AS lines, min(byte_off) AS first_byte_off, arg_min(line, byte_off) AS first_line
FROM dead_letter WHERE $spool IS NULL OR spool = $spool
GROUP BY spool, reason ORDER BY spool, first_byte_off
