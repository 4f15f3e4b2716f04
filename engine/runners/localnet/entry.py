"""One block's input, all of it: what is written before anybody is answered, and played again."""

import zlib
from collections.abc import Iterator
from typing import Any

import msgspec

from engine.localnet.exchange import Exchange, Request
from engine.localnet.floor import Block
from engine.localnet.house import Delist, Interest, Level, Op, Oracle, Taken, Whole

_OPS: tuple[type[Op], ...] = (Level, Whole, Taken, Oracle, Interest, Delist)
_NUMBERS = {op: number for number, op in enumerate(_OPS)}
_HEAD = 8  # bytes before an entry: its length and its CRC-32


class Gift(msgspec.Struct, frozen=True, array_like=True):
    """Money from nowhere; `spot` names a token, else it is collateral of `dex`."""

    user: str
    usd: float = 0.0
    dex: str = ""
    spot: int | None = None
    volume_usd: float = 0.0  # counts as traded before: it opens what needs volume


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What went into one block.

    The market's flow is part of it, so that a restart needs no market to come to the same state.
    """

    time: int
    requests: list[Request]
    gifts: list[Gift]
    post_only_until: int | None
    flow: list[list[Any]]

    def play(self, exchange: Exchange) -> Block:
        """Make the block."""
        said_before = exchange.floor.block
        said_before.ledger.clear()  # it was published; gifts come between two blocks
        for gift in self.gifts:
            _give(exchange, gift)
        if self.post_only_until is not None:
            exchange.only_post_only_until(self.post_only_until)
        flow = [_OPS[number](*fields) for number, *fields in self.flow]
        block = exchange.run_block(self.time, self.requests, flow)
        for user, rows in said_before.ledger.items():
            block.ledger[user] = rows + block.ledger.get(user, [])
        return block

    def packed(self) -> bytes:
        """Return the entry as it is written."""
        body = _ENCODER.encode(self)
        return len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big") + body


def numbered(flow: list[Op]) -> list[list[Any]]:
    """Return the market's flow as plain lists."""
    return [[_NUMBERS[type(op)], *op] for op in flow]


def entries(raw: bytes) -> Iterator[Entry]:
    """Yield the entries of a file up to its end, or to where a process was killed in writing."""
    at = 0
    while at + _HEAD <= len(raw):
        size, crc = (int.from_bytes(raw[at + k : at + k + 4], "big") for k in (0, 4))
        body = raw[at + _HEAD : at + _HEAD + size]
        if len(body) < size or zlib.crc32(body) != crc:
            return
        yield _DECODER.decode(body)
        at += _HEAD + size


def _give(exchange: Exchange, gift: Gift) -> None:
    if gift.spot is not None:
        exchange.deposit_spot(gift.user, gift.spot, gift.usd)
    elif gift.usd:
        exchange.deposit(gift.user, gift.usd, gift.dex)
    if gift.volume_usd:
        exchange.credit_volume(gift.user, gift.volume_usd)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Entry)
