"""Who may ask, how often, with which nonce: agents, sub-accounts, budgets, expiry, the schedule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.localnet import nonces
from engine.localnet.exchange import Request
from engine.localnet.refusals import RefusedError
from tests.localnet.conftest import ETH, MAKER, OPENED, OTHER, TAKER, order, placing

AGENT, SECOND, STRANGER = ("0x" + digit * 40 for digit in "def")
DAY_MS = 86_400_000
NOOP = {"type": "noop"}


def approve(key, name=""):
    action = {"type": "approveAgent", "agentAddress": key, "nonce": 1}
    return {**action, "agentName": name} if name else action


def test_a_stranger_is_told_that_he_does_not_exist(desk):
    words = f"User or API Wallet {STRANGER} does not exist."
    assert desk.place(ETH, "buy", 4300, 0.1, signer=STRANGER) == words
    send = {"type": "usdSend", "destination": MAKER, "amount": "1", "time": 1}
    assert desk.send(send, STRANGER) == (
        f"Must deposit before performing actions. User: {STRANGER}"
    )


def test_an_agent_trades_for_its_master_and_may_not_move_money(desk):
    assert desk.send(approve(AGENT, "desk")) == {"type": "default"}
    assert "resting" in desk.place(ETH, "buy", 4300, 0.1, signer=AGENT)
    assert len(desk.ask("openOrders", MAKER)) == 1
    send = {"type": "usdSend", "destination": OTHER, "amount": "1", "time": 1}
    assert desk.send(send, AGENT) == f"Must deposit before performing actions. User: {AGENT}"
    assert desk.ask("userRole", AGENT) == {"role": "agent", "data": {"user": MAKER}}
    (shown,) = desk.ask("extraAgents")
    assert (shown["name"], shown["address"]) == ("desk", AGENT)


def test_an_agent_moves_money_between_the_dexs_of_its_master_alone(desk):
    assert desk.send(approve(AGENT)) == {"type": "default"}
    send = {"type": "agentSendAsset", "sourceDex": "", "destinationDex": "xyz", "token": "USDC"}
    send |= {"amount": "100", "fromSubAccount": ""}
    words = "Agent can only send asset to same user or their sub-accounts."
    assert desk.send({**send, "destination": TAKER}, AGENT) == words
    assert desk.send({**send, "destination": MAKER}, AGENT) == {"type": "default"}
    values = [desk.ask("clearinghouseState", dex=dex)["withdrawable"] for dex in ("", "xyz")]
    assert values == ["900.0", "1100.0"]


def test_an_agent_of_the_same_name_takes_the_place_of_the_old(desk):
    desk.send(approve(AGENT))
    desk.send(approve(SECOND))
    assert desk.place(ETH, "buy", 4300, 0.1, signer=AGENT).startswith("User or API Wallet")
    assert "resting" in desk.place(ETH, "buy", 4300, 0.1, signer=SECOND)
    assert desk.ask("extraAgents") == []  # the unnamed one is not among them


def test_there_are_three_named_agents_and_no_key_serves_twice(desk):
    for k in range(3):
        assert desk.send(approve(f"0x{k + 1:040x}", f"n{k}")) == {"type": "default"}
    assert desk.send(approve(AGENT, "n4")) == (
        "Too many extra agents for cumulative volume traded. Current limit is 3"
    )
    assert desk.send(approve(f"0x{1:040x}", "n2")) == "Extra agent already used."


def test_an_agent_expires_when_its_name_says_so(desk):
    until = desk.exchange.time + 1_000
    desk.send(approve(AGENT, f"short valid_until {until}"))
    assert desk.ask("extraAgents")[0]["validUntil"] == until
    assert "resting" in desk.place(ETH, "buy", 4300, 0.1, signer=AGENT)
    desk.block(ms=2_000)
    assert desk.place(ETH, "buy", 4300, 0.1, signer=AGENT).startswith("User or API Wallet")


def test_a_nonce_serves_once_even_where_the_order_was_refused(desk):
    first = desk.request(placing(order(ETH, "buy", 4300, 0.001)))
    assert "error" in str(desk.block(first).answers[0])
    again = Request(MAKER, NOOP, first.nonce)
    assert desk.block(again).answers[0]["response"] == (
        f"Invalid nonce: duplicate nonce {first.nonce}"
    )


def test_a_noop_with_the_same_nonce_stops_an_order_that_is_on_its_way(desk):
    late = desk.request(placing(order(ETH, "buy", 4300, 0.1)))
    block = desk.block(Request(MAKER, NOOP, late.nonce), late)
    assert block.answers[0]["status"] == "ok" and block.answers[1]["status"] == "err"
    assert desk.ask("openOrders") == []


@pytest.mark.parametrize(
    ("nonce", "words"),
    [
        (OPENED - 3 * DAY_MS, "Invalid nonce: nonce too low"),
        (OPENED + 2 * DAY_MS, "Invalid nonce: nonce too high"),
    ],
)
def test_a_nonce_is_near_the_time(desk, nonce, words):
    answer = desk.block(Request(MAKER, NOOP, nonce)).answers[0]
    assert answer["response"].startswith(words)


@given(st.lists(st.integers(0, 400), max_size=300))
def test_no_nonce_serves_twice_and_only_the_hundred_highest_are_kept(asked):
    kept, used = [], []
    for nonce in asked:
        floor = kept[0] if len(kept) == nonces.KEPT else -1
        try:
            nonces.use(kept, nonce, 0)
        except RefusedError:
            assert nonce in used or nonce <= floor
        else:
            assert nonce not in used and nonce > floor
            used.append(nonce)
        assert kept == sorted(used)[-nonces.KEPT :]


def test_an_expired_action_does_nothing_burns_its_nonce_and_costs_five(desk):
    before = desk.ask("userRateLimit")["nRequestsUsed"]
    late = desk.request(
        placing(order(ETH, "buy", 4300, 0.1)), expires_after=desk.exchange.time + 50
    )
    assert desk.block(late).answers[0]["status"] == "err"
    assert desk.ask("openOrders") == []
    assert desk.ask("userRateLimit")["nRequestsUsed"] == before + 5
    again = desk.block(Request(MAKER, NOOP, late.nonce)).answers[0]
    assert "duplicate" in again["response"]
    in_time = desk.request(
        placing(order(ETH, "buy", 4300, 0.1)), expires_after=desk.exchange.time + 100
    )
    assert "resting" in str(desk.block(in_time).answers[0])


def test_the_address_budget_runs_out_trickles_and_leaves_cancels_more(desk):
    account = desk.account()
    oid = desk.place(ETH, "buy", 4300, 0.1)["resting"]["oid"]
    account.requests = 10_000
    assert "resting" in desk.place(ETH, "buy", 4301, 0.1)  # the one in ten seconds
    assert desk.place(ETH, "buy", 4302, 0.1) == (
        "Too many cumulative requests sent (10002 > 10000) for cumulative volume traded $0.00. "
        "Place taker orders to free up 1 request per USDC traded."
    )
    assert account.requests == 10_001  # refusals are free
    assert desk.send({"type": "cancel", "cancels": [{"a": ETH, "o": oid}]}) == ["success"]
    desk.block(ms=10_000)
    assert "resting" in desk.place(ETH, "buy", 4302, 0.1)


def test_a_batch_costs_its_orders_and_volume_and_money_buy_more(desk):
    rows = [order(ETH, "buy", 4300 - k, "0.01") for k in range(5)]
    desk.send(placing(*rows))
    assert desk.ask("userRateLimit")["nRequestsUsed"] == 5
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    limit = desk.ask("userRateLimit")
    assert (limit["cumVlm"], limit["nRequestsCap"]) == ("440.10", 10_440)
    worth = desk.account().usd[0]
    assert desk.send({"type": "reserveRequestWeight", "weight": 100}) == {"type": "default"}
    assert worth - desk.account().usd[0] == 50_000
    after = desk.ask("userRateLimit")
    assert (after["nRequestsUsed"], after["nRequestsSurplus"]) == (0, 93)


def test_the_scheduled_cancel_is_for_a_million_traded_and_ten_a_day(desk):
    schedule = {"type": "scheduleCancel", "time": desk.exchange.time + 20_000}
    assert desk.send(schedule) == (
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. "
        "Traded: $0.00."
    )
    desk.exchange.credit_volume(MAKER, 1e6)
    assert desk.send({**schedule, "time": desk.exchange.time + 4_000}) == (
        "Scheduled cancel time too early, must be at least 5 seconds from now."
    )
    for _ in range(10):
        desk.place(ETH, "buy", 4300, 0.1)
        assert desk.send({**schedule, "time": desk.exchange.time + 6_000}) == {"type": "default"}
        block = desk.block(ms=6_000)
        assert [u["status"] for u in block.order_updates[MAKER]] == ["scheduledCancel"]
    assert "10 per day" in desk.send({**schedule, "time": desk.exchange.time + 6_000})


def test_a_scheduled_cancel_can_be_cleared(desk):
    desk.exchange.credit_volume(MAKER, 1e6)
    desk.place(ETH, "buy", 4300, 0.1)
    desk.send({"type": "scheduleCancel", "time": desk.exchange.time + 6_000})
    desk.send({"type": "scheduleCancel"})
    desk.block(ms=10_000)
    assert len(desk.ask("openOrders")) == 1


def test_a_sub_account_trades_by_its_master_and_is_nobody_elses(desk):
    create = {"type": "createSubAccount", "name": "second"}
    assert desk.send(create) == (
        "Cannot create sub-accounts until enough volume traded. Required: $100000. Traded: $0.00."
    )
    desk.exchange.credit_volume(MAKER, 1e5)
    answer = desk.send(create)
    sub = answer["data"]
    move = {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True, "usd": 10**8}
    assert desk.send(move) == {"type": "default"}
    desk.send(approve(AGENT))
    assert "resting" in str(desk.send(placing(order(ETH, "buy", 4300, 0.1)), AGENT, vault=sub))
    assert len(desk.ask("openOrders", sub)) == 1 and desk.ask("openOrders", MAKER) == []
    assert desk.send(NOOP, TAKER, vault=sub) == f"Vault not registered: {sub}"
    (shown,) = desk.ask("subAccounts")
    assert (shown["name"], shown["subAccountUser"], shown["master"]) == ("second", sub, MAKER)
    assert shown["clearinghouseState"]["marginSummary"]["accountValue"] == "100.0"
    assert desk.ask("userRole", sub) == {"role": "subAccount", "data": {"master": MAKER}}


def test_a_builder_fee_needs_approval_and_is_part_of_the_fee(desk):
    action = {**placing(order(ETH, "buy", 4402, 0.1, "Ioc")), "builder": {"b": OTHER, "f": 10}}
    assert desk.send(action) == "Builder fee has not been approved"
    approval = {"type": "approveBuilderFee", "maxFeeRate": "0.01%", "builder": OTHER, "nonce": 1}
    assert desk.send(approval) == {"type": "default"}
    assert desk.ask("maxBuilderFee", builder=OTHER) == 10
    desk.send(action)
    fill = desk.ask("userFills")[0]
    assert (fill["builderFee"], fill["fee"]) == ("0.04401", "0.242055")


def test_an_unknown_user_is_asked_about_without_coming_into_being(desk):
    assert desk.ask("userRole", STRANGER) == {"role": "missing"}
    assert desk.ask("openOrders", STRANGER.upper().replace("0X", "0x")) == []
    assert desk.ask("clearinghouseState", STRANGER)["assetPositions"] == []
    assert STRANGER not in desk.exchange.floor.state.accounts
