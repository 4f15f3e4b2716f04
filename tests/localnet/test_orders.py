"""What becomes of an order: rests, trades, is refused, in the venue's words."""

import pytest

from engine.localnet import refusals
from engine.localnet.house import Delist, Oracle, Whole
from tests.localnet.conftest import (
    BTC,
    ETH,
    HYNA_BTC,
    MAKER,
    OTHER,
    TAKER,
    TSLA,
    order,
    placing,
    trigger,
)

CLOID = "0x" + "0" * 31 + "1"


def statuses(block, user=MAKER):
    return [update["status"] for update in block.order_updates.get(user, [])]


def cancel(asset, *oids):
    return {"type": "cancel", "cancels": [{"a": asset, "o": oid} for oid in oids]}


def test_a_post_only_order_that_would_trade_is_refused_with_the_touch(desk):
    assert desk.place(ETH, "buy", 4401, 0.1, "Alo") == {
        "error": "Post only order would have immediately matched, bbo was 4399.0@4401.0. asset=1"
    }
    assert "resting" in desk.place(ETH, "buy", 4400, 0.1, "Alo")


def test_an_ioc_order_takes_what_is_there_and_never_rests(desk):
    desk.exchange.deposit(MAKER, 1e6)
    assert desk.place(ETH, "buy", 4402, 1.5, "Ioc")["filled"] == {
        "totalSz": "1.5",
        "avgPx": "4401.33",
        "oid": desk.exchange.floor.state.next_oid - 1,
    }
    assert desk.place(ETH, "buy", 4400, 0.1, "Ioc") == {
        "error": "Order could not immediately match against any resting orders. asset=1"
    }
    assert desk.ask("openOrders") == []
    assert desk.ask("historicalOrders")[0]["status"] == "iocCancelRejected"


def test_a_gtc_order_takes_and_rests_with_what_is_left(desk):
    desk.exchange.deposit(MAKER, 1e6)
    answer = desk.place(ETH, "buy", 4401, 1.5)
    assert "resting" in answer
    (resting,) = desk.ask("openOrders")
    assert (resting["sz"], resting["origSz"]) == ("0.5", "1.5")
    assert desk.ask("userFills")[0]["sz"] == "1.0"
    # the order's last change of status was its resting, and that is what orderStatus shows
    assert desk.ask("orderStatus", oid=resting["oid"])["order"]["order"]["sz"] == "0.5"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (order(ETH, "buy", 4400.55, 1), "Price must be divisible by tick size. asset=1"),
        (order(ETH, "buy", "4400.123", 1), "Price must be divisible by tick size. asset=1"),
        (order(ETH, "buy", 4400, "0.00001"), "Order has invalid size. asset=1"),
        (order(ETH, "buy", 4400, 0), "Order has zero size. asset=1"),
        (order(ETH, "buy", 0, 1), "Order has invalid price. asset=1"),
        (order(ETH, "buy", 4000, "0.0024"), "Order must have minimum value of $10. asset=1"),
        (
            order(ETH, "buy", 800, 1),
            "Order price cannot be more than 80% away from the reference price asset=1",
        ),
        (order(ETH, "buy", 4000, 10), "Insufficient margin to place order. asset=1"),
        (order(HYNA_BTC, "buy", 110000, "0.00001"), "Order must have minimum value of 10 USDE."),
        (
            {**order(ETH, "sell", 4400, 1), "r": True},
            "Reduce only order would increase position. asset=1",
        ),
        (order(6, "buy", 1, 20), "Trading is halted. asset=6"),
        (trigger(ETH, "sell", 4000, 1, 4500, "sl"), "Reduce only order would increase position."),
    ],
)
def test_refusals_are_the_venues_own_words(desk, row, words):
    (status,) = desk.send(placing(row))
    assert status["error"].startswith(words)


def test_whole_prices_are_always_legal_however_many_figures(desk):
    assert "resting" in desk.place(BTC, "buy", 100_005, 0.001)
    assert "error" in desk.place(BTC, "buy", "100005.5", 0.001)


def test_closing_needs_no_ten_dollars(desk):
    desk.place(ETH, "buy", 4402, "0.0123", "Ioc")
    assert "filled" in desk.place(ETH, "sell", 4390, "0.0103", "Ioc")
    assert "filled" in desk.place(ETH, "sell", 4390, "0.0020", "Ioc")  # eight dollars
    assert desk.account().positions == {}


def test_a_refused_batch_keeps_its_order_and_an_unknown_asset_undoes_nothing(desk):
    answers = desk.send(placing(order(ETH, "buy", 4400, 0.1), order(ETH, "buy", 4000, "0.001")))
    assert ["resting" in answers[0], "error" in answers[1]] == [True, True]
    assert desk.send(placing(order(ETH, "buy", 4400, 0.1), order(99, "buy", 1, 1))) == (
        "Unknown asset 99"
    )
    assert len(desk.ask("openOrders")) == 1
    assert desk.send({"type": "order", "orders": [], "grouping": "na"}) == "Orders are empty"


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "bogus"},
        placing({"a": ETH}),
        placing(order(ETH, "buy", "4e3", 1)),
        placing(order(ETH, "buy", "-1", 1)),
        placing(order(ETH, "buy", "0.123456789", 1)),
        placing({**order(ETH, "buy", 1, 1), "p": 4400}),
        placing(order(ETH, "buy", 4400, 0.1), {**order(ETH, "buy", 4400, 1), "c": "0x12"}),
        {"type": "cancel", "cancels": [{"a": True, "o": 1}]},
    ],
)
def test_what_cannot_be_read_is_not_answered_and_does_nothing(desk, broken):
    before = desk.exchange.floor.state.nonces.get(MAKER)
    assert desk.send(broken) is None
    assert desk.exchange.floor.state.nonces.get(MAKER) == before
    assert desk.ask("openOrders") == []


def test_a_zero_padded_price_is_read(desk):
    assert "resting" in desk.place(ETH, "buy", "04390.500", "0.1000")


def test_orders_of_ones_own_never_meet(desk):
    first = desk.place(ETH, "buy", 4400, 0.1)["resting"]["oid"]
    block = desk.block(desk.request(placing(order(ETH, "sell", 4399, 0.1, "Ioc"))))
    assert [u["status"] for u in block.order_updates[MAKER]] == ["selfTradeCanceled", "filled"]
    assert block.fills[MAKER][0]["px"] == "4399.0"  # the house, behind his own order
    assert desk.ask("orderStatus", oid=first)["order"]["status"] == "selfTradeCanceled"


def test_modify_gives_a_new_oid_keeps_the_cloid_and_loses_priority(desk):
    old = desk.place(ETH, "buy", 4400, 0.1, "Alo", c=CLOID)["resting"]["oid"]
    other = desk.place(ETH, "buy", "4399.5", 0.1, signer=OTHER)["resting"]["oid"]
    change = {
        "type": "batchModify",
        "modifies": [{"oid": CLOID, "order": order(ETH, "buy", "4399.5", 0.1, "Alo")}],
    }
    ((status),) = desk.send(change)
    new = status["resting"]["oid"]
    assert new > old and status["resting"]["cloid"] == CLOID
    assert desk.ask("orderStatus", oid=old)["order"]["status"] == "canceled"
    assert desk.ask("orderStatus", oid=CLOID)["order"]["order"]["oid"] == new
    block = desk.block(desk.request(placing(order(ETH, "sell", 4399, 0.1, "Ioc")), TAKER))
    assert [fill["oid"] for fill in block.fills[OTHER]] == [other]
    assert MAKER not in block.fills


def test_modifying_what_is_gone_is_refused_in_place(desk):
    oid = desk.place(ETH, "buy", 4300, 0.1)["resting"]["oid"]
    rows = [{"oid": n, "order": order(ETH, "buy", 4310, 0.1)} for n in (99_999, oid)]
    first, second = desk.send({"type": "batchModify", "modifies": rows})
    assert first == {"error": "Cannot modify canceled or filled order"} and "resting" in second
    single = {"type": "modify", "oid": oid, "order": order(ETH, "buy", 4310, 0.1)}
    assert desk.send(single) == "Cannot modify canceled or filled order"
    assert desk.send({**single, "oid": second["resting"]["oid"]}) == {"type": "default"}
    always = {"type": "batchModify", "modifies": rows[:1], "a": True}
    assert "resting" in desk.send(always)[0]


def test_a_modification_off_the_grid_leaves_the_old_order(desk):
    oid = desk.place(ETH, "buy", 4300, 0.1)["resting"]["oid"]
    change = {"type": "modify", "oid": oid, "order": order(ETH, "buy", "4300.55", 0.1)}
    assert desk.send(change) == "Price must be divisible by tick size. asset=1"
    assert [row["oid"] for row in desk.ask("openOrders")] == [oid]


def test_cancels_by_oid_and_cloid_answer_one_by_one(desk):
    oid = desk.place(ETH, "buy", 4300, 0.1)["resting"]["oid"]
    desk.place(ETH, "buy", 4300, 0.1, c=CLOID)
    gone = {"error": "Order was never placed, already canceled, or filled. asset=1"}
    assert desk.send(cancel(ETH, oid, oid, 77)) == ["success", gone, gone]
    rows = [{"asset": ETH, "cloid": CLOID}, {"asset": ETH, "cloid": "0x" + "f" * 32}]
    assert desk.send({"type": "cancelByCloid", "cancels": rows}) == ["success", gone]
    assert desk.send(cancel(ETH, *range(201))) == "Signed action over weight limit of 200."


def test_a_stranger_cannot_cancel(desk):
    oid = desk.place(ETH, "buy", 4300, 0.1)["resting"]["oid"]
    assert "error" in desk.send(cancel(ETH, oid), OTHER)[0]
    assert len(desk.ask("openOrders")) == 1


def test_a_live_cloid_is_not_taken_twice_and_is_free_again_afterwards(desk):
    desk.place(ETH, "buy", 4300, 0.1, c=CLOID)
    assert desk.place(ETH, "buy", 4300, 0.1, c=CLOID) == {"error": "Duplicate cloid. asset=1"}
    desk.send({"type": "cancelByCloid", "cancels": [{"asset": ETH, "cloid": CLOID}]})
    assert "resting" in desk.place(ETH, "buy", 4300, 0.1, c=CLOID)


def test_reduce_only_orders_shrink_with_the_position_and_go_with_it(desk):
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    oid = desk.place(ETH, "sell", 4500, 0.3, r=True)["resting"]["oid"]
    (resting,) = desk.ask("openOrders")
    assert (resting["sz"], resting["origSz"], resting["reduceOnly"]) == ("0.1", "0.3", True)
    desk.place(ETH, "sell", 4390, "0.06", "Ioc")
    assert desk.ask("openOrders")[0]["sz"] == "0.04"
    block = desk.block(desk.request(placing(order(ETH, "sell", 4390, "0.04", "Ioc"))))
    assert statuses(block) == ["reduceOnlyCanceled", "filled"] or statuses(block) == [
        "filled",
        "reduceOnlyCanceled",
    ]
    assert desk.ask("orderStatus", oid=oid)["order"]["status"] == "reduceOnlyCanceled"
    assert "nonUserCancel" not in str(block.events)


def test_cancels_and_post_only_orders_come_before_takers_in_a_block(desk):
    oid = desk.place(ETH, "buy", 4400, 0.1)["resting"]["oid"]
    take = desk.request(placing(order(ETH, "sell", 4399, 0.1, "Ioc")), TAKER)
    block = desk.block(take, desk.request(cancel(ETH, oid)))
    assert block.answers[1]["response"]["data"]["statuses"] == ["success"]
    assert MAKER not in block.fills and block.fills[TAKER][0]["px"] == "4399.0"
    take = desk.request(placing(order(ETH, "sell", 4399, 0.1, "Ioc")), TAKER)
    block = desk.block(take, desk.request(placing(order(ETH, "buy", 4400, 0.1, "Alo"))))
    assert block.fills[MAKER][0]["px"] == "4400.0"


def test_one_taker_in_a_batch_demotes_all_of_it(desk):
    both = placing(order(ETH, "buy", 4400, 0.1, "Alo"), order(ETH, "buy", 4300, 0.1, "Gtc"))
    take = desk.request(placing(order(ETH, "sell", 4399, 0.1, "Ioc")), TAKER)
    block = desk.block(take, desk.request(both))
    assert block.fills[TAKER][0]["px"] == "4399.0" and MAKER not in block.fills


def test_only_post_only_orders_pass_after_an_upgrade(desk):
    desk.exchange.only_post_only_until(desk.exchange.time + 1_000)
    words = "Only post-only orders allowed immediately after network upgrade"
    assert desk.place(ETH, "buy", 4300, 0.1) == words
    assert "resting" in desk.place(ETH, "buy", 4300, 0.1, "Alo")
    desk.block(ms=1_000)
    assert "resting" in desk.place(ETH, "buy", 4300, 0.1)


def test_a_stop_fires_on_the_mark_and_closes(desk):
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    stop = trigger(ETH, "sell", 3900, 0.1, 4300, "sl")
    assert desk.send(placing(stop)) == ["waitingForTrigger"]
    shown = desk.ask("frontendOpenOrders")[0]
    assert (shown["orderType"], shown["triggerCondition"]) == ("Stop Market", "Price below 4300")
    assert shown["isTrigger"] and shown["tif"] is None and shown["triggerPx"] == "4300.0"
    block = desk.move_market(ETH, 425_000)
    assert statuses(block) == ["triggered", "filled"]
    assert desk.account().positions == {}


def test_a_trigger_that_would_fire_at_once_is_refused(desk):
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    stop = trigger(ETH, "sell", 3900, 0.1, 4500, "sl")
    assert desk.send(placing(stop)) == [{"error": "Invalid TP/SL price. asset=1"}]


def test_children_wait_for_their_parent_and_the_first_to_fire_takes_the_other_along(desk):
    family = placing(
        order(ETH, "buy", 4350, 0.1),
        trigger(ETH, "sell", 4000, 0.1, 4600, "tp"),
        trigger(ETH, "sell", 3900, 0.1, 4200, "sl"),
        grouping="normalTpsl",
    )
    parent, *children = desk.send(family)
    assert "resting" in parent and children == ["waitingForFill", "waitingForFill"]
    assert len(desk.ask("frontendOpenOrders")[-1]["children"]) == 2
    desk.move_market(ETH, 434_000)  # fills the parent
    assert desk.account().positions[ETH].lots == 1_000
    assert statuses(desk.move_market(ETH, 461_000)) == [
        "triggered",
        "siblingFilledCanceled",
        "filled",
    ]
    assert desk.account().positions == {} and desk.ask("openOrders") == []


def test_children_end_with_their_parent(desk):
    family = placing(
        order(ETH, "buy", 4350, 0.1),
        trigger(ETH, "sell", 3900, 0.1, 4200, "sl"),
        grouping="normalTpsl",
    )
    parent, _ = desk.send(family)
    assert desk.send(cancel(ETH, parent["resting"]["oid"])) == ["success"]
    assert desk.ask("openOrders") == []


def test_a_stop_for_the_position_has_its_size(desk):
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    stop = trigger(ETH, "sell", 3900, 0, 4300, "sl")
    assert desk.send(placing(stop, grouping="positionTpsl")) == ["waitingForTrigger"]
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    desk.move_market(ETH, 425_000)
    assert desk.account().positions == {}


def test_an_order_beyond_the_open_interest_cap_is_refused(desk):
    desk.exchange.deposit(MAKER, 1e7, "xyz")
    desk.move_market(TSLA, 348_000)
    assert "filled" in desk.place(TSLA, "buy", 350, 1, "Ioc")
    desk.exchange.floor.state.markets[TSLA].interest = 10**9
    assert desk.exchange.info({"type": "perpsAtOpenInterestCap", "dex": "xyz"}) == ["xyz:TSLA"]
    assert desk.place(TSLA, "buy", 350, 1) == {
        "error": "Order would increase open interest while open interest is capped asset=110001"
    }
    assert "filled" in desk.place(TSLA, "sell", 340, 1, "Ioc")


def test_a_market_order_without_a_market_and_a_stop_that_opens_are_refused(desk):
    nobody = desk.place(BTC, "buy", 110_000, 0.001, "FrontendMarket")
    assert nobody == {"error": "No liquidity available for market order. asset=0"}
    stop = trigger(ETH, "sell", 3900, 0.1, 4200, "sl")
    opens = placing({**stop, "r": False}, grouping="positionTpsl")
    assert desk.send(opens) == "TP/SL orders must be reduce-only."
    assert desk.send(placing(stop, grouping="normalTpsl")) == "Main order cannot be trigger order."


def test_an_order_has_a_most_by_the_leverage_of_its_asset(desk):
    words = "Order must have maximum value of ${}. asset=1"
    assert desk.place(ETH, "buy", 4390, 35_000) == {"error": words.format(150_000_000)}
    too_large = desk.place(ETH, "buy", 4420, 3_500, "FrontendMarket")
    assert too_large == {"error": words.format(15_000_000)}
    assert desk.place(ETH, "buy", 4420, 3_500, "Ioc") == {
        "error": f"{refusals.MARGIN.text} asset=1"
    }


def test_so_many_orders_are_open_and_no_more(desk):
    desk.place(ETH, "buy", 4402, 0.01, "Ioc")
    batch = placing(*(order(ETH, "buy", 4000, 0.0025) for _ in range(200)))
    for _ in range(5):
        assert all("resting" in status for status in desk.send(batch))
    assert desk.place(ETH, "buy", 4000, 0.0025) == {"error": "Too many open orders. asset=1"}
    desk.exchange.credit_volume(MAKER, 5e6)
    assert "resting" in desk.place(ETH, "buy", 4000, 0.0025)
    desk.exchange.credit_volume(MAKER, 5e6)
    stop = desk.send(placing(trigger(ETH, "sell", 3900, 0.01, 4000, "sl")))
    assert stop == [{"error": "Too many open orders. asset=1"}]


def test_a_maker_whose_margin_is_gone_is_cancelled_at_the_match(desk):
    desk.place(ETH, "buy", 4400, 4)
    desk.send({"type": "usdSend", "destination": OTHER, "amount": "0.5", "time": 1})
    desk.account().usd[0] -= 500_000_000
    block = desk.block(desk.request(placing(order(ETH, "sell", 4399, 0.1, "Ioc")), TAKER))
    assert statuses(block) == ["marginCanceled"] and block.fills[TAKER][0]["px"] == "4399.0"


def test_a_delisting_cancels_orders_and_settles_at_the_mark(desk):
    desk.place(ETH, "buy", 4402, 0.1, "Ioc")
    desk.place(ETH, "buy", 4300, 0.1)
    block = desk.block(flow=(Delist(ETH),))
    assert statuses(block) == ["delistedCanceled"] and block.notifications[MAKER]
    assert desk.account().positions == {}
    (fill,) = block.fills[MAKER]
    assert (fill["dir"], fill["px"], fill["fee"]) == ("Settlement", "4400.0", "0.0")
    assert (fill["startPosition"], fill["closedPnl"]) == ("0.1", "-0.1")  # bought at 4401
    assert desk.exchange.info({"type": "meta"})["universe"][ETH]["isDelisted"]
    assert desk.exchange.info({"type": "l2Book", "coin": "ETH"})["levels"] == [[], []]
    assert desk.place(ETH, "buy", 4300, 0.1) == {"error": "Trading is halted. asset=1"}


def test_a_market_that_crosses_an_order_of_a_user_fills_it_at_its_own_price(desk):
    desk.place(ETH, "buy", 4400, 0.1)
    asks = ((439_500, 5_000),)
    block = desk.block(flow=(Oracle(ETH, 439_000), Whole(ETH, ((439_000, 5_000),), asks)))
    assert (block.fills[MAKER][0]["px"], block.fills[MAKER][0]["crossed"]) == ("4400.0", False)
