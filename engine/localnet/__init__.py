"""A loopback Hyperliquid: the exchange itself, without clock, network or randomness of its own.

Same requests at the same times, same bytes. A server (`engine.runners`) adds sockets, signatures,
the clock, and reads the market that drives it.

How to use it
-------------
>>> from engine.localnet.exchange import Exchange, Request
>>> from engine.localnet.listings import DEFAULT
>>> opened = 1_767_225_600_000
>>> exchange = Exchange(DEFAULT, time=opened)
>>> trader = "0x" + "1" * 40
>>> exchange.deposit(trader, 1_000.0)  # also deposit_spot, credit_volume
>>> order = {"a": 1, "b": True, "p": "4399", "s": "0.01", "r": False}
>>> order["t"] = {"limit": {"tif": "Alo"}}
>>> action = {"type": "order", "orders": [order], "grouping": "na"}
>>> block = exchange.run_block(opened + 100, [Request(trader, action, nonce=opened)])
>>> block.answers
[{'status': 'ok', 'response': {'type': 'order', 'data': {'statuses': [{'resting': {'oid': 1}}]}}}]
>>> exchange.info({"type": "openOrders", "user": trader})[0]["sz"]
'0.01'

- `Exchange.run_block(time, requests, flow) -> Block`. ``time`` is ms UTC and never goes back; the
  server waits for requests, calls it every 70-100 ms, and answers when it returns.
  `Request(signer, action, nonce, vault, expires_after)` is a body of ``/exchange`` whose signature
  was verified: ``signer`` is the recovered address. ``Block.answers[i]`` is the whole body of the
  answer, HTTP 200; None means 422, and nothing has happened.
- The rest of a `Block` is what the streams say, in the shapes of their ``data``: ``trades``
  (coin -> list), ``bbo`` (coin -> data, only where it changed), ``books`` (coins whose depth
  changed), and per user in lower case ``order_updates``, ``fills`` (``userFills``, and ``fills`` of
  channel ``user``), ``fundings`` (``userFundings``), ``events`` (channel ``user``: ``funding``,
  ``liquidation``, ``nonUserCancel``), ``ledger`` (``userNonFundingLedgerUpdates``),
  ``notifications``. Accounts of the house hear nothing. Snapshots on subscribing are answers of
  ``info``: ``userFills``, ``recentTrades`` (30), ``l2Book``.
- `Exchange.info(question)` answers a body of ``/info``, and what the periodic streams repeat
  (``allMids``, ``metaAndAssetCtxs``, ``clearinghouseState``, ``webData2``, ``activeAssetData``).
  `digits.MalformedError` means 422, `meta_answers.UnanswerableError` 500 ``null``. For streams
  there are `market_answers.l2_book(exchange.floor, coin, levels=5)`, `.bbo(floor, asset)` and
  `meta_answers.context(floor, asset)`; assets are in ``exchange.floor.universe.by_coin``.
- `mirror.Mirror(asset, chunks, shift_ms=0).take(until_ms)` turns event arrays of a simulated market
  or a tape into ``flow``: join the lists of all assets and pass them to the next block. Without a
  mirror an asset has an empty book and its declared price.
- `Exchange.snapshot() -> bytes` and `Exchange.restore(spec, blob)`: a restart goes on exactly.
- `Exchange.only_post_only_until(time)` and `house.Delist(asset_id)` in the flow are faults.
- `limits.info_weight(kind, rows)` and `limits.exchange_weight(action)` are IP weights, 1200 a
  minute; the address's own budget is enforced in the block.
- `listings.DEFAULT` is the universe to start with; `listings.recorded_universe` builds one from
  recorded ``meta`` answers.

Reading order: `digits`, `universe`, `listings` (what there is); `state` (all memory), `book`,
`floor` (state and books as one); `positions`, `margin`, `fees`, `limits`, `nonces` (arithmetic);
`wire`, `checks`, `matching`, `placing`, `trading` (an order's way); `settings`, `transfers`,
`agents` (other actions); `refusals` (the venue's words); `marks`, `clockwork`, `liquidation`,
`prints` (what time and trades bring); `house`, `mirror` (the market); `exchange` (blocks);
`order_shapes`, `meta_answers`, `market_answers`, `account_answers`, `info` (what it tells).

What it leaves out: spot trading (refused), vaults, staking, TWAPs, multi-sig, portfolio margin,
auto-deleveraging, referral and staking discounts, aligned quote tokens; `aggregateByTime` is
ignored. Where the venue's words or rules are not published, the module says that they are ours.
"""
