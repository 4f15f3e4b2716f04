"""The compiled parser says what the codec says, bit for bit, or leaves the frame to it."""

import gzip
import json

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.venues.hyperliquid import codec
from engine.venues.hyperliquid.codec import CodecError
from engine.venues.hyperliquid.level_parser import MAX_LEVELS, read_levels

NOW_NS = 1_790_000_000_123_000_000
TIME_MS = 1_790_000_000_100
COINS = ["BTC", "xyz:TSLA", "kPEPE", "Ü"]


def plain(value) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def decimal(units: int, decimals: int) -> str:
    whole, rest = divmod(units, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}" if decimals else f"{whole}"


@st.composite
def level(draw, px: str) -> dict:
    sz = decimal(draw(st.integers(1, 1 << 53)), draw(st.integers(4, 12)))
    parts = {"px": px, "sz": sz, "n": draw(st.integers(0, 10**18 - 1))}
    return dict(draw(st.permutations(list(parts.items()))))


@st.composite
def sides(draw, most: int) -> list:
    """Two sides of a market, each best first, with prices of up to nine decimals."""
    decimals = draw(st.integers(0, 9))
    mid = draw(st.integers(50 + 10 ** (decimals - 6 if decimals > 6 else 0) * 10, 10**6))
    steps = st.lists(st.integers(1, mid // (2 * MAX_LEVELS) or 1), max_size=most)
    both = []
    for sign in (-1, 1):
        units, side = mid + draw(st.integers(0, 1)) * (sign > 0), []
        for step in draw(steps):
            units += sign * step
            side.append(draw(level(decimal(units, decimals))))
        both.append(side)
    return both


@st.composite
def frames(draw) -> tuple[bytes, str]:
    coin = draw(st.sampled_from(COINS))
    data = {"coin": coin, "time": TIME_MS + draw(st.integers(-100, 100))}
    if draw(st.booleans()):
        channel, data["levels"] = "l2Book", draw(sides(MAX_LEVELS))
        assume(data["levels"] != [[], []])
    else:
        channel, data["bbo"] = "bbo", [(side or [None])[0] for side in draw(sides(1))]
    data = dict(draw(st.permutations(list(data.items()))))
    return plain({"channel": channel, "data": data}), coin


def agrees(frame: bytes, coin: str) -> bool:
    """Return whether the parser read a frame; where it did, the codec must say the same."""
    events = read_levels(frame, NOW_NS, coin)
    if events is None:
        return False
    said = codec._decode(frame, NOW_NS, coin)
    assert events.dtype == said.dtype
    assert events.tobytes() == said.tobytes()
    return True


@settings(max_examples=300, deadline=None)
@given(frames())
def test_every_frame_as_the_venue_writes_it_is_read_here(frame):
    assert agrees(*frame)
    assert read_levels(frame[0], NOW_NS, "ETH") is None


SCRAPS = [
    *(b"", b"0", b"9" * 16, b".", b"-", b"e5", b'"', b",", b"{", b"}", b"[", b"]", b" ", b"null"),
    *(b"true", b"NaN", b"1e400", b"0.0000001", b"00", b"\xff", b"\x00", b"\\u0031", b"[],"),
    *(b'"n":1,', b'"px":"1",', b'"coin":"BTC",', b'"time":1,', b'"levels":[[],[]],'),
]


@settings(max_examples=600, deadline=None)
@given(frames(), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(SCRAPS))))
def test_whatever_is_changed_the_parser_says_what_the_codec_says_or_nothing(frame, changes):
    text, coin = frame
    for share, length, scrap in changes:
        at = int(share * len(text))
        text = text[:at] + scrap + text[at + length :]
    agrees(text, coin)


@settings(max_examples=200, deadline=None)
@given(frames(), st.integers(0, 4000))
def test_a_frame_cut_short_is_left_to_the_codec(frame, length):
    assert not agrees(frame[0][: min(length, len(frame[0]) - 1)], frame[1])


def levels(*pairs):
    return [{"px": px, "sz": sz, "n": 1} for px, sz in pairs]


def refused(bids, asks) -> bool:
    """Return whether a book is left alone here and refused by the codec."""
    data = {"coin": "BTC", "time": TIME_MS, "levels": [bids, asks]}
    frame = plain({"channel": "l2Book", "data": data})
    try:
        codec.decode(frame, NOW_NS, "BTC")
    except CodecError:
        return read_levels(frame, NOW_NS, "BTC") is None
    return False


def test_what_the_codec_refuses_in_a_well_written_book_is_refused():
    many = levels(*((str(1000 - k), "1") for k in range(MAX_LEVELS + 1)))
    assert refused([], [])
    assert refused(many, [])
    assert refused(levels(("2", "1")), levels(("1", "1")))
    assert refused(levels(("1", "1"), ("2", "1")), [])
    assert refused([], levels(("2", "1"), ("2", "1")))
    for px, sz in (("0", "1"), ("0.0000009", "1"), ("1000000001", "1"), ("1", "0"), ("1", "0.0")):
        assert refused(levels((px, sz)), [])
    assert not refused(levels(("1", "1")), levels(("1", "1"))), "a locked book passes"


def test_a_recording_of_the_venue_is_read_alike(recorded):
    with gzip.open(recorded("hl_raw_ws_frames") / "hyperliquid_btcusd_20250126.gz") as file:
        frames = [line.partition(b" ")[2].strip() for line in file]
    books = [frame for frame in frames if b'"l2Book"' in frame]
    assert books and all(agrees(frame, "BTC") for frame in books)
