"""A session that somebody recorded on testnet: our answers are the venue's, oids apart."""

import json

import pytest

from engine.localnet.exchange import Exchange
from engine.localnet.listings import TOKENS
from engine.localnet.universe import DexSpec, PerpSpec, UniverseSpec
from tests.localnet.conftest import OPENED, Desk

FOLDER = "hl_signed_actions_testnet/"
TRADER, STRANGER = "0x4a1ae5a6cfb24390a704b1cc1ab88d0f89ef596b", "0x" + "9" * 40
SESSION = (
    "01_place_order",
    "02_modify",
    "03_batchModify",
    "03b_cancel",
    "08_modify_error",
    "10_scheduleCancel_set",
    "10b_scheduleCancel_clear",
    "11_updateIsolatedMargin",
    "13_vaultTransfer",
    "14_createSubAccount",
)


def of_testnet() -> Exchange:
    """Testnet lists SOL first and BTC fourth."""
    perps = [PerpSpec(coin=c, sz_decimals=2, max_leverage=10, px="90") for c in ("SOL", "B", "C")]
    perps.append(PerpSpec(coin="BTC", sz_decimals=5, max_leverage=40, px="78000"))
    spec = UniverseSpec(tokens=TOKENS, dexs=(DexSpec(perps=tuple(perps)),))
    exchange = Exchange(spec, time=OPENED)
    exchange.deposit(TRADER, 1_000.0)
    exchange.credit_volume(TRADER, 250.35)
    return exchange


def renamed(value, oids):
    """The same JSON with other oids."""
    if isinstance(value, dict):
        return {key: renamed(one, oids) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, oids) for one in value]
    return oids.get(value, value) if isinstance(value, int) and value > 10**9 else value


def learn(ours, theirs, oids):
    """Remember which of our oids stands for which of theirs."""
    data = theirs["response"]["data"] if isinstance(theirs["response"], dict) else {}
    for mine, other in zip(
        ours["response"].get("data", {}).get("statuses", []) if data else [],
        data.get("statuses", []),
        strict=True,
    ):
        if "resting" in other:
            oids[other["resting"]["oid"]] = mine["resting"]["oid"]


def test_a_recorded_session_is_answered_as_the_venue_did(recorded):
    desk, oids = Desk(of_testnet()), {}
    for name in SESSION:
        pair = recorded(f"{FOLDER}{name}.json")
        action = renamed(pair["request"]["action"], oids)
        ours = desk.block(desk.request(action, TRADER)).answers[0]
        if "data" in pair["response"]["response"]:
            learn(ours, pair["response"], oids)
        assert ours == renamed(pair["response"], oids), name


def test_the_orders_of_the_session_are_shown_as_the_venue_did(recorded):
    desk, theirs = Desk(of_testnet()), recorded(f"{FOLDER}06_openOrders.json")["response"]
    for shown in reversed(theirs):
        row = {"a": 3, "b": True, "p": shown["limitPx"], "s": shown["sz"], "r": False}
        action = {"type": "order", "orders": [row | {"t": {"limit": {"tif": shown["tif"]}}}]}
        desk.send(action | {"grouping": "na"}, TRADER)
    apart = ("oid", "timestamp")
    for mine, shown in zip(desk.ask("frontendOpenOrders", TRADER), theirs, strict=True):
        assert {k: v for k, v in mine.items() if k not in apart} == {
            k: v for k, v in shown.items() if k not in apart
        }
        assert list(mine) == list(shown)


@pytest.mark.parametrize("name", ["12_usdClassTransfer", "19b_usdSend_wallet2_to_wallet1"])
def test_who_never_deposited_is_told_so_by_the_address_recovered(recorded, name):
    pair = recorded(f"{FOLDER}{name}.json")
    said = Desk(of_testnet()).send(pair["request"]["action"], STRANGER)
    assert said.rpartition(" ")[0] == pair["response"]["response"].rpartition(" ")[0]
    assert said.endswith(STRANGER)


@pytest.mark.parametrize(
    "name",
    ["18_usdClassTransfer_perp_to_spot", "19_usdSend", "20_spotSend", "15_subAccountTransfer"],
)
def test_a_unified_account_moves_nothing_the_old_way(recorded, name):
    pair, desk = recorded(f"{FOLDER}{name}.json"), Desk(of_testnet())
    desk.account(TRADER).abstraction = "unifiedAccount"
    assert desk.send(pair["request"]["action"], TRADER) == pair["response"]["response"]


def test_recorded_bodies_survive_json(recorded):
    vectors = recorded(f"{FOLDER}_sdk_generated_vectors.json")["vectors"]
    desk = Desk(of_testnet())
    for vector in vectors:
        action = json.loads(json.dumps(vector["action"]))
        answer = desk.block(desk.request(action, TRADER)).answers[0]
        assert answer is not None, (vector["name"], "every action that the SDK signs can be read")
