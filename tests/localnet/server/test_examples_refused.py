"""The published examples about what localnet has not, or has in part: what each is told.

The calls and their order are the examples'; what localnet refuses is refused in words, once, and
nothing has happened.
"""

import pytest
from hyperliquid.exchange import Exchange
from hyperliquid.utils.error import ClientError
from hyperliquid.utils.signing import (
    get_timestamp_ms,
    recover_agent_or_user_from_l1_action,
    sign_l1_action,
)

GTC, IOC = ({"limit": {"tif": tif}} for tif in ("Gtc", "Ioc"))
NOBODY = "0x" + "0" * 40
VAULT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
OK = {"status": "ok", "response": {"type": "default"}}


def test_basic_vault_and_its_transfer_know_no_vault(setup, localnet):
    me = setup()
    assert me.info.user_state(me.address)["assetPositions"] == []
    leader = Exchange(me.exchange.wallet, localnet.url, vault_address=VAULT)
    refused = {"status": "err", "response": f"Vault not registered: {VAULT}"}
    assert leader.order("ETH", True, 0.2, 1100, GTC) == refused
    assert me.exchange.vault_usd_transfer(VAULT, True, 5_000_000) == refused
    assert me.info.user_state(me.address)["withdrawable"] == "10000.0"
    for client in (leader, leader.info):
        client.session.close()


def test_user_abstraction(setup, localnet):
    me = setup()
    assert me.info.query_user_abstraction_state(me.address) == "default"
    assert me.exchange.agent_set_abstraction("u") == OK
    assert me.exchange.user_set_abstraction(me.address, "unifiedAccount") == OK
    assert me.info.query_user_abstraction_state(me.address) == "unifiedAccount"
    told = me.exchange.usd_class_transfer(1, False)
    assert told["response"] == "Action disabled when unified account is active"
    again = me.exchange.agent_set_abstraction("i")["response"]
    assert again == "Abstraction can only be set by an agent while it is default."
    localnet.fund(me.address, 0.0, volume_usd=1e5)
    sub = me.exchange.create_sub_account("One")["response"]["data"]
    assert me.exchange.user_set_abstraction(sub, "disabled") == OK
    assert me.info.query_user_abstraction_state(sub) == "disabled"
    refused = me.exchange.user_set_abstraction(sub, "portfolioMargin")
    assert refused["response"] == "Portfolio margin is not offered on localnet."
    assert me.info.query_user_abstraction_state(sub) == "disabled"
    assert me.info.query_user_abstraction_state(me.address) == "unifiedAccount"
    stranger = me.exchange.user_set_abstraction(NOBODY, "disabled")
    assert stranger["response"] == f"Vault not registered: {NOBODY}"


def test_dex_abstraction(setup, localnet):
    me = setup()
    assert me.exchange.agent_enable_dex_abstraction() == OK
    assert me.info.query_user_dex_abstraction_state(me.address) is True
    assert me.exchange.user_dex_abstraction(me.address, False) == OK
    assert me.info.query_user_dex_abstraction_state(me.address) is False
    localnet.fund(me.address, 0.0, volume_usd=1e5)
    me.exchange.create_sub_account("One")
    (row,) = me.info.query_sub_accounts(me.address)
    sub = row["subAccountUser"]
    desk = Exchange(me.exchange.wallet, localnet.url, vault_address=sub)
    assert desk.agent_enable_dex_abstraction() == OK
    for enabled in (True, False):
        assert me.exchange.user_dex_abstraction(sub, enabled) == OK
        assert me.info.query_user_dex_abstraction_state(sub) is enabled
    for client in (desk, desk.info):
        client.session.close()


def test_basic_set_referrer_knows_no_code(setup):
    me = setup()
    told = me.exchange.set_referrer("ASDFASDF")
    assert told == {"status": "err", "response": "Referral code does not exist."}
    assert me.info.query_referral_state(me.address)["referredBy"] is None


def test_priority_fees_need_a_balance_that_nobody_has(setup):
    me = setup(perp_dexs=["test"])
    words = "Insufficient delegatable balance for priority order"
    assert me.exchange.gossip_priority_bid(0, "8.8.8.8", 1)["response"] == words
    order = {"coin": "test:ABC", "is_buy": True, "sz": 100, "limit_px": 0.9}
    order |= {"order_type": IOC, "reduce_only": False}
    assert me.exchange.bulk_orders([order], grouping={"p": 12345})["response"] == words


def test_basic_spot_order_is_refused_for_spot_does_not_trade(setup):
    me = setup()
    assert me.info.spot_user_state(me.address)["balances"]
    for coin in ("PURR/USDC", "@8"):
        told = me.exchange.order(coin, True, 24, 0.5, GTC)
        assert told == {"status": "err", "response": "Spot trading is not offered on localnet."}


def test_basic_staking_tells_of_none(setup):
    me = setup()
    assert me.info.user_staking_summary(me.address)["delegated"] == "0.0"
    assert me.info.user_staking_delegations(me.address) == []
    assert me.info.user_staking_rewards(me.address) == []


def test_basic_recover_user_finds_the_signer_of_what_we_take(setup):
    me = setup()
    action, nonce = {"type": "noop"}, get_timestamp_ms()
    signature = sign_l1_action(me.exchange.wallet, action, None, nonce, None, is_mainnet=False)
    given = (action, signature, None, nonce, None, False)
    assert recover_agent_or_user_from_l1_action(*given) == me.address
    assert me.exchange.noop(nonce) == OK


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("convert_to_multi_sig_user", ([NOBODY], 1)),
        ("multi_sig", (NOBODY, {"type": "noop"}, [], 1)),
        ("use_big_blocks", (True,)),
        ("spot_deploy_register_token", ("TEST", 2, 8, 10**6, "Test")),
        ("perp_deploy_register_asset", ("test", None, "test:X", 2, "1", 1, False, None)),
        ("token_delegate", (NOBODY, 1, False)),
        ("c_signer_jail_self", ()),
        ("c_validator_unregister", ()),
    ],
)
def test_an_action_that_localnet_does_not_know_is_answered_like_any_unknown_one(
    setup, method, args
):
    me = setup()
    with pytest.raises(ClientError) as refused:
        getattr(me.exchange, method)(*args)
    words = "Failed to deserialize the JSON body into the target type"
    assert (refused.value.status_code, refused.value.error_message) == (422, words)
    assert me.info.user_non_funding_ledger_updates(me.address, 0)[-1]["delta"]["type"] == "deposit"
