import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import BUY, CONTEXT, LAST, LEVEL, SELL, SNAPSHOT, TRADE, Event
from engine.venues.hyperliquid.codec import CodecError, decode

NOW_NS = 1_782_131_345_000_000_000
TIME_MS = 1_782_131_344_546


def book(bids, asks, **changes):
    def levels(pairs):
        return [{"px": px, "sz": sz, "n": 1} for px, sz in pairs]

    data = {"coin": "BTC", "time": TIME_MS, "levels": [levels(bids), levels(asks)], **changes}
    return json.dumps({"channel": "l2Book", "data": data}).encode()


def trade(**changes):
    print_ = {
        "coin": "BTC", "side": "B", "px": "64900.0", "sz": "0.5", "time": TIME_MS,
        "hash": "0xabcdef", "tid": 121451470284048, "users": ["0x1", "0x2"],
    }  # fmt: skip
    return print_ | changes


def trades(*prints):
    return json.dumps({"channel": "trades", "data": prints}).encode()


def test_a_book_is_one_run_from_snapshot_to_last():
    frame = book([("100.0", "1.5"), ("99.0", "2")], [("101.0", "0.25")])
    events = decode(frame, NOW_NS, "BTC")
    assert events.dtype == Event.dtype
    assert events["kind"].tolist() == [LEVEL] * 3
    assert events["side"].tolist() == [BUY, BUY, SELL]
    assert events["px"].tolist() == [100.0, 99.0, 101.0]
    assert events["code"].tolist() == [SNAPSHOT, 0, LAST]
    assert set(events["ts_ns"]) == {TIME_MS * 1_000_000}
    assert set(events["recv_ns"]) == {NOW_NS}


def test_a_book_of_one_level_is_first_and_last_at_once():
    events = decode(book([("100.0", "1")], []), NOW_NS, "BTC")
    assert events["code"].tolist() == [SNAPSHOT | LAST]


def test_the_letter_of_a_trade_is_the_aggressors_side():
    events = decode(trades(trade(side="B"), trade(side="A")), NOW_NS, "BTC")
    assert events["kind"].tolist() == [TRADE, TRADE]
    assert events["side"].tolist() == [BUY, SELL]
    assert events["id"].tolist() == [121451470284048] * 2


def test_prints_of_one_sweep_share_a_number_and_no_others_do():
    frames = [trade(tid=1), trade(tid=2, px="64901.0"), trade(hash="0x123"), trade(side="A")]
    frames.append(trade(time=TIME_MS + 1))
    ref = decode(trades(*frames), NOW_NS, "BTC")["ref"].tolist()
    assert ref[0] == ref[1]
    assert len(set(ref)) == 4


def test_a_bbo_is_a_run_without_snapshot():
    pair = [{"px": "63457.0", "sz": "0.00028", "n": 1}, None]
    frame = json.dumps(
        {"channel": "bbo", "data": {"coin": "BTC", "time": TIME_MS, "bbo": pair}}
    ).encode()
    events = decode(frame, NOW_NS, "BTC")
    assert events["code"].tolist() == [LAST]
    assert events["px"].tolist() == [63457.0]


def test_a_context_carries_mark_funding_and_open_interest():
    ctx = {"markPx": "84359.0", "funding": "-0.0000125", "openInterest": "33897.6701800001"}
    frame = json.dumps({"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": ctx}}).encode()
    (event,) = decode(frame, NOW_NS, "BTC")
    assert (event["kind"], event["px"], event["extra"]) == (CONTEXT, 84359.0, -0.0000125)
    assert event["ts_ns"] == event["recv_ns"] == NOW_NS


def test_a_skewed_clock_never_puts_the_venue_after_us():
    early = TIME_MS * 1_000_000 - 5
    events = decode(book([("1", "1")], [("2", "1")]), early, "BTC")
    assert (events["ts_ns"] == early).all()


@pytest.mark.parametrize("frame", [b'{"channel":"pong"}', b'{"channel":"subscriptionResponse"}'])
def test_acknowledgements_say_nothing(frame):
    assert len(decode(frame, NOW_NS, "BTC")) == 0


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"{", "frame must be JSON"),
        (b"[]", "frame must be a JSON object"),
        (b'{"channel":"error","data":"Already subscribed"}', "channel must be one of"),
        (book([("102", "1")], [("101", "1")]), "uncrossed"),
        (book([("99", "1"), ("100", "1")], []), "sorted"),
        (book([("100", "1"), ("100", "1")], []), "sorted"),
        (book([("NaN", "1")], []), "px must be a plain decimal"),
        (book([("0.0000001", "1")], []), "a price from 1e-06 to 1e.09 USD"),
        (book([("99999999999", "1")], []), "a price from 1e-06 to 1e.09 USD"),
        (book([("Infinity", "1")], []), "px must be a plain decimal"),
        (book([("1e5", "1")], []), "px must be a plain decimal"),
        (book([("0.0", "1")], []), "px must be positive"),
        (book([("-1.0", "1")], []), "px must be positive"),
        (book([("1.0", "0")], []), "sz must be positive"),
        (book([(1.0, "1")], []), "px must be of type str"),
        (book([], []), "not empty on both sides"),
        (book([("1", "1")], [], coin="ETH"), "coin must be 'BTC', was 'ETH'"),
        (book([("1", "1")], [], time=0), "time must be milliseconds"),
        (book([("1", "1")], [], time=True), "time must be"),
        (trades(trade(side="X")), "side must be one of"),
        (trades(trade(sz="-1")), "sz must be positive"),
        (trades(trade(tid=-1)), "tid must be a whole number"),
        (trades(trade(hash="0xzz")), "hash must be 0x"),
        (b'{"channel":"trades","data":{}}', "data must be a list"),
        (b'{"channel":"l2Book"}', "parent of coin must be a JSON object"),
    ],
)  # fmt: skip
def test_a_wrong_frame_is_refused_with_field_and_remedy(frame, words):
    with pytest.raises(CodecError, match=words):
        decode(frame, NOW_NS, "BTC")


def test_a_locked_book_passes_because_recordings_have_them():
    events = decode(book([("100", "1")], [("100", "1")]), NOW_NS, "BTC")
    assert events["px"].tolist() == [100.0, 100.0]


scraps = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["BTC", "l2Book", "1.0", "-1", "B", "nan", TIME_MS]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["coin", "time", "levels", "bbo", "px", "sz", "n", "side", "tid", "ctx"]),
        inner, max_size=6,
    ),
    max_leaves=12,
)  # fmt: skip
frames = st.binary(max_size=60) | st.builds(
    lambda channel, data: json.dumps({"channel": channel, "data": data}).encode(),
    st.sampled_from(["l2Book", "trades", "bbo", "activeAssetCtx", "pong", "?"]),
    scraps,
)


@settings(max_examples=300, deadline=None)
@given(frames)
def test_any_bytes_either_parse_or_raise(frame):
    try:
        events = decode(frame, NOW_NS, "BTC")
    except CodecError:
        return
    assert np.isfinite(events["px"]).all()
    assert (events["px"] > 0.0).all()
    assert (events["ts_ns"] <= events["recv_ns"]).all()


GOLDEN = book([("100.0", "1.5"), ("99.0", "2")], [("101.0", "0.25")])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(GOLDEN) - 1), st.binary(min_size=0, max_size=4))
def test_a_damaged_frame_either_parses_or_raises(at, scrap):
    try:
        events = decode(GOLDEN[:at] + scrap + GOLDEN[at + 1 :], NOW_NS, "BTC")
    except CodecError:
        return
    assert (events["px"] > 0.0).all()
    assert (events["sz"] > 0.0).all()


def test_recorded_frames_decode_to_the_last_digit(recorded):
    path = recorded("hl_raw_ws_frames") / "hyperliquid_btcusd_20250126.gz"
    with gzip.open(path) as file:
        lines = [line.split(b" ", 1) for line in file]
    decoded = [decode(frame, int(stamp), "BTC") for stamp, frame in lines]
    assert len(decoded) == 55
    assert sum(len(e) for e in decoded) == 46 * 40 + 64
    first = json.loads(lines[0][1])["data"]
    wire = [(x["px"], x["sz"], x["n"]) for side in first["levels"] for x in side]
    ours = [(repr(float(e["px"])), float(e["sz"]), int(e["ref"])) for e in decoded[0]]
    assert ours == [(px, float(sz), n) for px, sz, n in wire]
