import pytest

from engine.derive.symbols import binance_signals, resolve_binance_symbol

KNOWN = [
    "BTC",
    "ETH",
    "SOL",
    "DOGE",
    "AVAX",
    "LINK",
    "ARB",
    "OP",
    "SUI",
    "APT",
    "NEAR",
    "ATOM",
    "DOT",
    "XRP",
    "ADA",
    "WIF",
    "PEPE",
    "BONK",
]


@pytest.mark.parametrize("coin", KNOWN)
def test_every_asset_the_specification_names_has_a_pair(coin):
    symbol = resolve_binance_symbol(coin)
    assert symbol in (f"{coin}USDT", f"1000{coin}USDT")


@pytest.mark.parametrize("coin", ["HYPE", "PURR", "JEFF", "hyna:HYPE"])
def test_native_tokens_have_no_pair(coin):
    assert resolve_binance_symbol(coin) is None
    assert binance_signals(coin, None) is None


@pytest.mark.parametrize("coin", ["NEWCOIN", "kNEWCOIN", "xyz:GOLD", "k", "AS"])
def test_an_unknown_name_is_never_guessed(coin):
    assert resolve_binance_symbol(coin) is None


def test_the_dex_is_stripped():
    assert resolve_binance_symbol("hyna:BTC") == "BTCUSDT"


@pytest.mark.parametrize(
    ("asset", "factor"), [("kPEPE", 1.0), ("PEPE", 0.001), ("hyna:kBONK", 1.0)]
)
def test_coins_quoted_by_the_thousand_carry_their_price_factor(asset, factor):
    symbol = resolve_binance_symbol(asset)
    assert symbol is not None
    assert symbol.startswith("1000")
    signals = binance_signals(asset, symbol)
    assert signals is not None
    assert signals.price_factor == pytest.approx(factor)


def test_an_override_wins_over_the_table_in_both_directions():
    assert resolve_binance_symbol("HYPE", {"HYPE": "hypeusdt"}) == "HYPEUSDT"
    assert resolve_binance_symbol("BTC", {"BTC": None}) is None
    assert resolve_binance_symbol("hyna:BTC", {"hyna:BTC": None}) is None


def test_a_pair_switches_both_signals_on():
    signals = binance_signals("BTC", "BTCUSDT")
    assert signals is not None
    assert signals.use_lead_lag
    assert signals.use_cross_venue
