"""A live engine: the compiled maker and its gateway, real market data, real orders.

What is heard is written down before it is acted on; what was written down, played again, is the
same engine to the last bit. So a process that dies at any moment leaves behind what it knew and
what it had asked for, and the next one treats all of that as unknown until the venue has told.

Reading order: `spec` (what is traded, and within which limits), `journal` (the engine on disk),
`news` (what the account's stream says, as events), `courier` (requests out, answers in), `trading`
(one thread that hears, thinks and sends), `latch` and `heartbeat` (files for the kill switch and
the guard).
"""
