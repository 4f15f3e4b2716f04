"""What stands between the maker and the venue: nothing is sent, or believed, without it.

The maker says what it wishes for; the gateway checks it a last time, sends it once, and finds out
what became of it. An order is open, or settled, or unknown; unknown is never taken for gone. Like
the core it is pure: time comes with the events, and what was heard, heard again, ends in the same
state, so that the record of what was heard is the journal of what was sent.

Reading order: `words` (what is asked and heard), `live_orders` (what may still fill), `pretrade`
(the last check), `gateway` (requests and answers), `rounds` (the regular comparison with the
venue), `desk` (maker and gateway as one step).
"""
