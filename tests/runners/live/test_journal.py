"""A live engine on disk: whatever was heard is heard again, whatever was asked is not forgotten."""

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.events import BUY, CONNECTED, CONTEXT, LAST, LEVEL, POSITION, SELL, SNAPSHOT, joined
from engine.gateway import words
from engine.gateway.words import ACCOUNT, MARKET
from engine.runners.live.journal import Journal
from engine.runners.live.news import event
from engine.runners.live.spec import LiveSpec
from engine.store.spool import SpoolBusyError

S = 1_000_000_000
T0 = 1_800_000_000 * S


def market(at_ns, mid=40.0):
    levels = [
        event(LEVEL, at_ns, side=side, px=mid - 0.01 * side, sz=50.0, ref=1, code=code)
        for side, code in ((BUY, SNAPSHOT), (SELL, LAST))
    ]
    return joined([*levels, event(CONTEXT, at_ns, px=mid, sz=1e6)])


def play(journal, seconds=40, begin_s=0):
    """Let a market go by, and answer every question as if nothing had ever happened."""
    asked = []
    for k in range(begin_s * 2, (begin_s + seconds) * 2):
        at_ns = T0 + k * S // 2
        waiting = journal.hear(market(at_ns, 40.0 + 0.005 * (k % 7)))
        while waiting:
            ask = waiting.pop(0)
            asked.append(ask)
            answers = {
                words.ASK_FILLS: [event(words.FILLS_TOLD, at_ns, id=ask.id)],
                words.ASK_ORDERS: [event(words.ORDERS_TOLD, at_ns, id=ask.id)],
                words.ASK_POSITION: [event(POSITION, at_ns, id=ask.id)],
                1: [event(words.RESTING, at_ns, ref=ask.wire, id=ask.wire, sz=ask.sz)],
                3: [event(words.RESTING, at_ns, ref=ask.wire, id=ask.wire, sz=ask.sz)],
                2: [event(words.CANCEL_DONE, at_ns, ref=ask.wire)],
            }.get(ask.kind, [])
            for answer in answers:
                waiting += journal.hear(answer)
    return asked


def connect(journal):
    for code in (MARKET, ACCOUNT):
        journal.hear(event(CONNECTED, T0, code=code))


def test_it_quotes_once_it_has_compared_itself_with_the_venue(spec, home):
    with Journal.open(spec, home) as journal:
        connect(journal)
        asked = play(journal)
    kinds = [ask.kind for ask in asked]
    first = kinds.index(1)
    assert words.ASK_ORDERS in kinds[:first] and words.ASK_POSITION in kinds[:first]
    assert {ask.side for ask in asked if ask.kind == 1} == {BUY, SELL}


def test_after_a_crash_it_is_the_same_engine_to_the_last_bit(spec, home):
    with Journal.open(spec, home) as journal:
        connect(journal)
        play(journal, 30)
        journal.keep()
        play(journal, 10, begin_s=30)
        there = journal.desks.tobytes()
        rows = home.spool(spec.run).read_bytes()
        journal._close()  # as a crash does: nothing is kept
        journal._voice.spool.close()
    with Journal.open(spec, home) as again:
        assert again.desks.tobytes() == there
        assert home.spool(spec.run).read_bytes() == rows
        epoch = again.epoch
    with Journal.open(spec, home) as kept:
        assert kept.epoch == epoch


def test_what_was_asked_for_is_on_the_disk_before_it_is_sent(spec, home, monkeypatch):
    synced = []
    with Journal.open(spec, home) as journal:
        connect(journal)
        tail = journal._tail
        monkeypatch.setattr(tail, "sync", lambda: synced.append(len(synced)))
        for ask_count in range(60):
            before = len(synced)
            asks = journal.hear(market(T0 + ask_count * S // 2))
            assert (len(synced) > before) == bool(asks)
        monkeypatch.undo()


def test_what_cannot_be_written_down_is_not_acted_on(spec, home, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "no space left")

    with Journal.open(spec, home) as journal:
        connect(journal)
        play(journal)
        before = journal.desks.tobytes()
        monkeypatch.setattr(journal._tail, "append", full)
        with pytest.raises(OSError, match="no space left"):
            journal.hear(market(T0 + 100 * S))
        assert journal.desks.tobytes() == before


def test_another_process_cannot_open_it(spec, home):
    with Journal.open(spec, home), pytest.raises(SpoolBusyError), Journal.open(spec, home):
        pass


def test_a_run_goes_on_with_what_it_was_begun_with_or_not_at_all(spec, home):
    with Journal.open(spec, home):
        pass
    other = LiveSpec.model_validate(spec.model_dump() | {"fraction": 0.5})
    with pytest.raises(ValueError, match="begun with another config"), Journal.open(other, home):
        pass


def test_limits_are_those_of_the_phase(spec):
    limits = spec.limits()
    assert limits.max_position == pytest.approx(spec.config.max_position * 0.25)
    assert limits.max_order_usd == 250.0
    assert np.isclose(limits.half_lot, 0.5 / 10**spec.config.sz_decimals)


TRADING = """
import gc, sys
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from engine.runners.live.journal import Journal, warm
from engine.runners.live.spec import LiveSpec
from engine.store.home import Home
from engine.venues.hyperliquid import frames
sys.path.insert(0, sys.argv[1])
import test_journal as t


def compiled():
    kernels = [one for one in gc.get_objects() if isinstance(one, Dispatcher)]
    return {one.__qualname__: len(one.signatures) for one in kernels}


warm()
frames.warm()
with Journal.open(LiveSpec.model_validate_json(sys.argv[2]), Home(Path(sys.argv[3]))) as journal:
    before = compiled()
    t.connect(journal)
    assert any(ask.kind == 1 for ask in t.play(journal))
reader = frames.FrameReader("HYPE")
assert [len(reader.read(said, t.T0)) for said in (t.BOOK, t.TOUCH)] == [2, 2]
assert sum(before.values()) > 1
print([name for name, n in compiled().items() if n != before.get(name)])
"""
BOOK = (
    b'{"channel":"l2Book","data":{"coin":"HYPE","time":1799999999000,"levels":'
    b'[[{"px":"39.9","sz":"1.0","n":1}],[{"px":"40.1","sz":"1.0","n":1}]]}}'
)
TOUCH = (
    b'{"channel":"bbo","data":{"coin":"HYPE","time":1799999999500,"bbo":'
    b'[{"px":"39.8","sz":"1.0","n":1},{"px":"40.1","sz":"1.0","n":1}]}}'
)


def test_nothing_is_compiled_once_it_trades(spec, home):
    words = [str(Path(__file__).parent), spec.model_dump_json(), str(home.root)]
    done = subprocess.run([sys.executable, "-c", TRADING, *words], stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"[]\n")
