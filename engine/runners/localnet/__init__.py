"""`gangway localnet`: the loopback exchange of `engine.localnet` with sockets, clock and market.

Reading order: `settings`; `setup`, `market` (what is listed, and what drives it); `entry`,
`journal`, `chain` (blocks: made, written, told, answered); `faults`; `visitors`, `signed`,
`counter` (questions and actions); `market_topics`, `user_topics`, `topics`, `hub`, `outbox`,
`session` (websockets); `binance`, `binance_door` (the leading venue); `lines`, `door`, `server`
(the process); `desk` (an account to begin with).
"""
