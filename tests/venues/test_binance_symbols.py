"""The offline answer is confirmed, dropped, or kept with a note; never silently."""

import pytest

from engine.venues.binance.symbols import confirm

TICKER = "/fapi/v1/ticker/bookTicker?symbol=1000PEPEUSDT"


@pytest.fixture
def binance(venue):
    listing = {"symbol": "1000PEPEUSDT", "status": "TRADING", "contractType": "PERPETUAL", "x": 1}
    venue.answers["/fapi/v1/exchangeInfo"] = {"symbols": [listing], "rateLimits": []}
    venue.answers[TICKER] = {"symbol": "1000PEPEUSDT", "bidPrice": "0.00436", "askPrice": "0.00438"}
    return venue


def asked(venue, symbol="1000PEPEUSDT", factor=1.0, mark_px=0.004367):
    return confirm(symbol, factor, mark_px, url=venue.url, timeout_s=2)


def test_a_trading_perpetual_at_our_price_is_confirmed(binance):
    assert asked(binance) == ("1000PEPEUSDT", True, "1000PEPEUSDT is confirmed by Binance")


@pytest.mark.parametrize(("mark_px", "kept"), [(0.00437 * 1.019, True), (0.00437 * 1.021, False)])
def test_a_price_more_than_two_percent_off_drops_the_symbol(binance, mark_px, kept):
    answer = asked(binance, mark_px=mark_px)
    assert (answer.symbol is not None) is kept
    assert answer.confirmed
    assert kept or "times that of 1000PEPEUSDT" in answer.note


def test_a_factor_of_a_thousand_is_a_factor_not_an_error(binance):
    assert asked(binance, factor=1000.0, mark_px=4.37).symbol == "1000PEPEUSDT"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "SETTLING"}, "SETTLING"),
        ({"contractType": "CURRENT_QUARTER"}, "CURRENT_QUARTER"),
        ({"symbol": "PEPEUSDT"}, "does not list"),
    ],
)
def test_a_symbol_that_does_not_trade_as_perpetual_is_dropped(binance, change, why):
    binance.answers["/fapi/v1/exchangeInfo"]["symbols"][0] |= change
    answer = asked(binance)
    assert answer.symbol is None and answer.confirmed
    assert why in answer.note and "stay off" in answer.note


@pytest.mark.parametrize("failure", [(429, "{}"), (418, "{}"), (200, "<html>"), (503, "")])
def test_a_binance_that_does_not_answer_leaves_the_offline_answer_with_a_note(binance, failure):
    binance.failures = [failure]
    answer = asked(binance)
    assert (answer.symbol, answer.confirmed) == ("1000PEPEUSDT", False)
    assert "offline table, not confirmed" in answer.note


def test_an_unreachable_binance_leaves_the_offline_answer_with_a_note():
    answer = confirm("BTCUSDT", 1.0, 84_000.0, url="http://127.0.0.1:9", timeout_s=1)
    assert (answer.symbol, answer.confirmed) == ("BTCUSDT", False)
    assert "cannot be reached" in answer.note


def test_a_crossed_ticker_confirms_nothing(binance):
    binance.answers[TICKER] |= {"bidPrice": "0.0050"}
    assert not asked(binance).confirmed


def test_no_symbol_asks_nobody(venue):
    assert asked(venue, symbol=None).symbol is None
    assert venue.requests == []
