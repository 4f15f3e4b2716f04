"""A live engine inside a venue that fails: one number decides everything that goes wrong.

Nothing of it is a model of the engine: maker and gateway are the compiled ones, in the state that
a process would have written down. Messages are lost, doubled, late and out of order, answers are
lost after the order was carried out, snapshots are old, clocks jump, processes die between any two
requests. For the first part of a session all of that happens, and nothing unsafe may; then it
stops, and everything must come right again.

Reading order: `plan` (what goes wrong), `mail` (what is under way), `exchange` (what is true),
`world` (the session), `laws` (what must hold).
"""
