"""What was answered is never forgotten: journal, snapshot, and processes killed on the spot."""

import shutil
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.localnet.exchange import Exchange, Request
from engine.localnet.house import Delist, Interest, Level, Oracle, Taken, Whole
from engine.localnet.listings import DEFAULT
from engine.runners.localnet.entry import Entry, Gift, entries, numbered
from engine.runners.localnet.journal import Journal
from engine.runners.localnet.server import Options, Server
from engine.runners.localnet.setup import new_setup, read_setup, write_setup
from tests.localnet.server.conftest import Localnet, Trader, statuses, wait_for

OPENED = 1_767_225_600_000
ETH = 1
USERS = tuple("0x" + digit * 40 for digit in "12")


def order(user, nonce, *, is_buy, px, sz):
    row = {"a": ETH, "b": is_buy, "p": str(px), "s": str(sz), "r": False}
    action = {"type": "order", "orders": [row | {"t": {"limit": {"tif": "Gtc"}}}], "grouping": "na"}
    return Request(user, action, nonce)


FLOW = (
    Whole(ETH, ((439_900, 9_000),), ((440_100, 9_000),)),
    Level(ETH, True, 439_800, 5_000),
    Taken(ETH, False, 439_900, 100),
    Oracle(ETH, 440_000),
    Interest(ETH, 1_000_000),
)
PARTS = st.lists(
    st.tuples(
        st.sampled_from(["order", "gift", "flow", "window"]),
        st.booleans(),
        st.integers(4_390, 4_410),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=12,
)


def entry_of(k, kind, flag, px, number):
    time = OPENED + 100 * (k + 1)
    user = USERS[flag]
    requests = [order(user, time, is_buy=flag, px=px, sz=0.1)] if kind == "order" else []
    gifts = [Gift(user, 500.0), Gift(user, 3.0, spot=0)] if kind == "gift" else []
    flow = numbered([FLOW[number]]) if kind == "flow" else []
    return Entry(time, requests, gifts, time + 150 if kind == "window" else None, flow)


@settings(max_examples=60, deadline=None)
@given(PARTS, st.integers(0, 12), st.integers(1, 60))
def test_whoever_dies_in_writing_goes_on_from_the_last_whole_block(
    tmp_path_factory, parts, saved_after, torn
):
    folder = tmp_path_factory.mktemp("journal")
    exchange = Exchange(DEFAULT, time=OPENED)
    for user in USERS:
        exchange.deposit(user, 5_000.0)
    journal = Journal(folder)
    journal.snapshot(exchange)
    for k, part in enumerate(parts):
        entry = entry_of(k, *part)
        entry.play(exchange)
        journal.append(entry)
        if k == saved_after:
            journal.snapshot(exchange)
    journal.close()
    (path,) = folder.glob("*.journal")
    half = entry_of(len(parts), "order", True, 4_400, 0).packed()
    path.write_bytes(path.read_bytes() + half[: min(torn, len(half) - 1)])
    again = Journal(folder)
    found = again.recover(DEFAULT)
    assert found is not None and found.snapshot() == exchange.snapshot()
    follows = entry_of(len(parts), "gift", True, 4_400, 0)
    follows.play(exchange)
    follows.play(found)
    assert found.snapshot() == exchange.snapshot()
    again.close()
    shutil.rmtree(folder)


def test_every_kind_of_flow_comes_back_as_it_was():
    flow = [*FLOW, Delist(ETH)]
    entry = Entry(OPENED, [], [], None, numbered(flow))
    (found,) = entries(entry.packed())
    assert found.packed() == entry.packed()
    exchange, second = Exchange(DEFAULT, time=OPENED), Exchange(DEFAULT, time=OPENED)
    exchange.run_block(OPENED, flow=flow)
    found.play(second)
    assert exchange.snapshot() == second.snapshot()


def test_a_damaged_entry_ends_the_journal():
    packed = Entry(OPENED, [], [], None, []).packed()
    damaged = packed[:-1] + bytes([packed[-1] ^ 1])
    assert list(entries(packed + damaged + packed)) == list(entries(packed))


def test_a_folder_belongs_to_one_process(tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(ValueError, match="name another --state"):
        Journal(tmp_path)
    journal.close()
    Journal(tmp_path).close()


def test_a_journal_begins_with_a_snapshot(tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(ValueError, match="must begin with a snapshot"):
        journal.append(Entry(OPENED, [], [], None, []))
    assert journal.recover(DEFAULT) is None
    journal.close()


def test_a_setup_comes_back_and_a_broken_one_is_refused(tmp_path):
    setup = new_setup(OPENED, ("HYPE", "WLFI", "hyna:LIT"), scenario="toxic")
    write_setup(tmp_path, setup)
    assert read_setup(tmp_path) == setup
    names = [perp.coin for perp in setup.universe.dexs[0].perps]
    assert names[: len(DEFAULT.dexs[0].perps)] == [perp.coin for perp in DEFAULT.dexs[0].perps]
    assert names[-1] == "WLFI"  # what the default lacks comes last, so that ids stay
    (tmp_path / "setup.json").write_text("{}")
    with pytest.raises(ValueError, match="begin anew"):
        read_setup(tmp_path)


@pytest.mark.parametrize(
    ("more", "names"),
    [({"assets": ("NOPE",)}, "NOPE"), ({"assets": ("HYPE",), "scenario": "nope"}, "scenario")],
)
def test_a_setup_names_what_is_not_there(more, names):
    with pytest.raises(ValueError, match=names):
        new_setup(OPENED, **more)


def test_a_state_is_not_started_as_something_else(tmp_path):
    setup = new_setup(OPENED, ("HYPE",))
    write_setup(tmp_path, setup)
    with pytest.raises(ValueError, match="holds an exchange already"):
        Server(Options(folder=tmp_path, setup=setup))


def test_a_process_killed_on_the_spot_goes_on_where_it_was(tmp_path):
    first = Localnet(tmp_path, "--assets", "HYPE")
    one = Trader(first)
    one.exchange.update_leverage(3, "HYPE")
    wait_for(lambda: one.info.l2_snapshot("HYPE")["levels"][1])
    (filled,) = statuses(one.exchange.market_open("HYPE", True, 2.0, None, 0.05))
    assert filled["filled"]["totalSz"] == "2.0"
    oid = one.place("HYPE", "buy", 30.0, 1.0)["resting"]["oid"]
    nonce = int(time.time() * 1e3)
    assert one.exchange.noop(nonce)["status"] == "ok"
    fills = one.info.user_fills(one.address)
    first.kill()
    second = Localnet(tmp_path)
    one.exchange.base_url = one.info.base_url = second.url
    assert one.info.user_fills(one.address) == fills
    assert [row["oid"] for row in one.info.open_orders(one.address)] == [oid]
    assert one.position("HYPE") == 2.0
    assert one.exchange.noop(nonce)["response"] == f"Invalid nonce: duplicate nonce {nonce}"
    assert one.place("HYPE", "buy", 31.0, 1.0)["resting"]["oid"] > oid
    assert min(len(side) for side in one.info.l2_snapshot("HYPE")["levels"]) >= 5
    one.close()
    second.close()
