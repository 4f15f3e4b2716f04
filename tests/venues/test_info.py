"""The client: retries, budget, errors that say what to do, and answers it will not take."""

import pytest

from engine.venues.hyperliquid.info import InfoClient, WeightBudget
from engine.venues.rows import VenueError

BOOK = {
    "coin": "BTC",
    "time": 1_790_775_567_699,
    "levels": [[{"px": "99.0", "sz": "1", "n": 1}], [{"px": "101.0", "sz": "2", "n": 1}]],
}


class FakeClock:
    def __init__(self):
        self.now = 0.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def client(venue, clock):
    with InfoClient(venue.url, timeout_s=2, clock=clock, sleep=clock.sleep) as client:
        yield client


@pytest.mark.parametrize("failure", [(429, "null"), (500, "null"), (502, "bad gateway")])
def test_a_busy_or_broken_server_is_asked_again_later(venue, client, clock, failure):
    venue.answers["l2Book"] = BOOK
    venue.failures = [failure, failure]
    assert client.l2_book("BTC").spread_bps == pytest.approx(200.0)
    assert len(venue.requests) == 3
    assert clock.slept == sorted(clock.slept) and len(clock.slept) == 2


def test_retries_end_and_the_error_names_request_status_and_remedy(venue, client):
    venue.failures = [(429, "null")] * 9
    with pytest.raises(VenueError, match=r"meta.*4 times.*HTTP 429 'null'.*wait a minute"):
        client.meta()
    assert len(venue.requests) == 4


def test_a_request_the_server_does_not_know_is_not_repeated(venue, client):
    with pytest.raises(VenueError, match=r"HTTP 422 'Failed to deserialize.*another version"):
        client.perp_dexs()
    assert len(venue.requests) == 1


def test_an_unreachable_server_is_named_with_its_url(clock):
    with (
        InfoClient("http://127.0.0.1:9", timeout_s=1, clock=clock, sleep=clock.sleep) as client,
        pytest.raises(VenueError, match=r"127\.0\.0\.1:9.*ConnectError.*check the URL"),
    ):
        client.meta()


@pytest.mark.parametrize("url", ["ftp://x", "mainnet", "https://", ""])
def test_a_url_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="must look like https"):
        InfoClient(url)


def test_unknown_coin_has_no_book(venue, client):
    venue.answers["l2Book"] = "null"
    assert client.l2_book("NOPE") is None


def test_a_delisted_coin_has_an_empty_book_without_a_spread(venue, client):
    venue.answers["l2Book"] = BOOK | {"levels": [[], []]}
    assert client.l2_book("BTC").spread_bps is None


@pytest.mark.parametrize(
    ("bid", "ask", "why"),
    [
        ("101.0", "101.0", "crossed"),
        ("102.0", "101.0", "crossed"),
        ("NaN", "101.0", "decimal"),
        ("-1.0", "101.0", "greater than 0"),
        ("0.0", "101.0", "greater than 0"),
        ("1" + "0" * 29 + "e99", "101.0", "crossed"),
        ("inf", "101.0", "decimal"),
        (99.0, "101.0", "as a string"),
        (None, "101.0", "as a string"),
    ],
)
def test_a_book_that_cannot_be_true_is_refused(venue, client, bid, ask, why):
    levels = [[{"px": bid, "sz": "1"}], [{"px": ask, "sz": "1"}]]
    venue.answers["l2Book"] = BOOK | {"levels": levels}
    with pytest.raises(VenueError, match=f"l2Book.*cannot be used.*{why}"):
        client.l2_book("BTC")


def test_a_book_out_of_order_is_refused(venue, client):
    bids = [{"px": "98.0", "sz": "1"}, {"px": "99.0", "sz": "1"}]
    venue.answers["l2Book"] = BOOK | {"levels": [bids, []]}
    with pytest.raises(VenueError, match="not ordered"):
        client.l2_book("BTC")


@pytest.mark.parametrize("body", ["", "<html>", '{"universe": 3}', "[1]", "null", "{" * 500])
def test_an_answer_of_another_shape_is_refused(venue, client, body):
    venue.answers["meta"] = lambda _: (200, body)
    with pytest.raises(VenueError, match="cannot be used"):
        client.meta()


def test_keys_we_do_not_read_are_ignored_and_optional_keys_may_be_null(venue, client):
    asset = {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "isDelisted": None, "new": [1]}
    venue.answers["meta"] = {"universe": [asset], "marginTables": [], "surprise": {}}
    (btc,) = client.meta().universe
    assert (btc.margin_mode, btc.delisted) == ("cross", False)


def test_contexts_must_be_as_many_as_assets(venue, client):
    asset = {"name": "BTC", "szDecimals": 5, "maxLeverage": 40}
    venue.answers["metaAndAssetCtxs"] = [{"universe": [asset]}, []]
    with pytest.raises(VenueError, match="1 assets but 0 contexts"):
        client.meta_and_contexts()


def test_trades_cost_a_weight_for_each_twenty(venue, clock):
    trade = {"coin": "BTC", "side": "A", "px": "1.5", "sz": "2", "time": 1, "tid": 3}
    venue.answers["recentTrades"] = [trade] * 400
    with InfoClient(venue.url, clock=clock, sleep=clock.sleep) as client:
        for _ in range(30):  # 30 × (20 + 400/20) is the whole minute
            assert len(client.recent_trades("BTC")) == 400
        assert clock.slept == []
        client.recent_trades("BTC")
    assert sum(clock.slept) == pytest.approx(40 / 20)


def test_the_budget_never_gives_more_than_a_minute_holds(clock):
    budget = WeightBudget(1200, clock=clock, sleep=clock.sleep)
    clock.now = 1e6  # a long rest does not save up
    for _ in range(60):
        budget.take(20)
    assert clock.slept == []
    budget.take(20)
    assert clock.slept == [pytest.approx(1.0)]


def test_an_endless_answer_is_cut_off(venue, client, monkeypatch):
    monkeypatch.setattr("engine.venues.hyperliquid.info.MAX_ANSWER_BYTES", 1000)
    venue.answers["meta"] = lambda _: (200, " " * 5000)
    with pytest.raises(VenueError, match="longer than 1000 bytes"):
        client.meta()


def test_the_body_is_what_the_venue_documents(venue, client):
    venue.answers["userFees"] = {"userAddRate": "0.00015", "userCrossRate": "0.00045", "x": 1}
    assert client.user_fees("0xabc").userAddRate == 0.00015
    assert venue.requests == [{"type": "userFees", "user": "0xabc"}]
