"""Hyperliquid on the wire.

Reading order. What it lists and shows everybody: `answers` (shapes), `info` (requests), `listing`,
`market`; by socket `codec`, `level_parser`, `touch`, `frames`, `stream`. Orders: `amounts`, `wire`
(actions), `cloid`, `nonce`; `curve`, `typed_data`, `user_signed`, `key`, `signing`; `refusals`,
`outcome`, `exchange`. One account: `account_answers`, `account`, `agent`; by socket
`account_frames`, `account_stream`.
"""
