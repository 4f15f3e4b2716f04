"""Signatures equal the official SDK's, and say who signed what the real venue received."""

import contextlib
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from eth_account import Account as Wallet
from hyperliquid.utils import signing as sdk
from hyperliquid.utils.types import Cloid as SdkCloid
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.instrument import new_instrument, passive_units, to_px
from engine.venues.hyperliquid import user_signed, wire
from engine.venues.hyperliquid.amounts import usd_units, wire_px, wire_sz
from engine.venues.hyperliquid.cloid import Cloid, read_cloid
from engine.venues.hyperliquid.curve import Signature
from engine.venues.hyperliquid.key import SigningKey
from engine.venues.hyperliquid.signing import connection_id, recover, sign, sign_as_user

SECRET = "0x0123456789012345678901234567890123456789012345678901234567890123"
KEY = SigningKey(SECRET)
WALLET = Wallet.from_key(SECRET)
VAULT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"

DUMMY = {"type": "dummy", "num": 100_000_000_000}
ORDER = {
    "type": "order",
    "orders": [
        {"a": 1, "b": True, "p": "100", "s": "100", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    ],
    "grouping": "na",
}
STOP = {"trigger": {"isMarket": True, "triggerPx": "103", "tpsl": "sl"}}
WITH_CLOID = ORDER | {"orders": [ORDER["orders"][0] | {"c": "0x00000000000000000000000000000001"}]}
TRIGGER = ORDER | {"orders": [ORDER["orders"][0] | {"t": STOP}]}
SUB_ACCOUNT = {"type": "createSubAccount", "name": "example"}
TRANSFER = {
    "type": "subAccountTransfer",
    "subAccountUser": "0x1d9470d4b963f552e6f671a81619d395877bf409",
    "isDeposit": True,
    "usd": 10,
}
SCHEDULE = {"type": "scheduleCancel", "time": 123_456_789}

# action, vault, source, r, s, v: the SDK's own test vectors, all with nonce 0
PUBLISHED = [
    (DUMMY, None, "a", "53749d5b30552aeb2fca34b530185976545bb22d0b3ce6f62e31be961a59298",
     "755c40ba9bf05223521753995abb2f73ab3229be8ec921f350cb447e384d8ed8", 27),
    (DUMMY, None, "b", "542af61ef1f429707e3c76c5293c80d01f74ef853e34b76efffcb57e574f9510",
     "17b8b32f086e8cdede991f1e2c529f5dd5297cbe8128500e00cbaf766204a613", 28),
    (ORDER, None, "a", "d65369825a9df5d80099e513cce430311d7d26ddf477f5b3a33d2806b100d78e",
     "2b54116ff64054968aa237c20ca9ff68000f977c93289157748a3162b6ea940e", 28),
    (ORDER, None, "b", "82b2ba28e76b3d761093aaded1b1cdad4960b3af30212b343fb2e6cdfa4e3d54",
     "6b53878fc99d26047f4d7e8c90eb98955a109f44209163f52d8dc4278cbbd9f5", 27),
    (WITH_CLOID, None, "a", "41ae18e8239a56cacbc5dad94d45d0b747e5da11ad564077fcac71277a946e3",
     "3c61f667e747404fe7eea8f90ab0e76cc12ce60270438b2058324681a00116da", 27),
    (WITH_CLOID, None, "b", "eba0664bed2676fc4e5a743bf89e5c7501aa6d870bdb9446e122c9466c5cd16d",
     "7f3e74825c9114bc59086f1eebea2928c190fdfbfde144827cb02b85bbe90988", 28),
    (DUMMY, VAULT, "a", "3c548db75e479f8012acf3000ca3a6b05606bc2ec0c29c50c515066a326239",
     "4d402be7396ce74fbba3795769cda45aec00dc3125a984f2a9f23177b190da2c", 28),
    (DUMMY, VAULT, "b", "e281d2fb5c6e25ca01601f878e4d69c965bb598b88fac58e475dd1f5e56c362b",
     "7ddad27e9a238d045c035bc606349d075d5c5cd00a6cd1da23ab5c39d4ef0f60", 27),
    (TRIGGER, None, "a", "98343f2b5ae8e26bb2587daad3863bc70d8792b09af1841b6fdd530a2065a3f9",
     "6b5bb6bb0633b710aa22b721dd9dee6d083646a5f8e581a20b545be6c1feb405", 27),
    (TRIGGER, None, "b", "971c554d917c44e0e1b6cc45d8f9404f32172a9d3b3566262347d0302896a2e4",
     "206257b104788f80450f8e786c329daa589aa0b32ba96948201ae556d5637eac", 28),
    (SUB_ACCOUNT, None, "a", "51096fe3239421d16b671e192f574ae24ae14329099b6db28e479b86cdd6caa7",
     "b71f7d293af92d3772572afb8b102d167a7cef7473388286bc01f52a5c5b423", 27),
    (SUB_ACCOUNT, None, "b", "a699e3ed5c2b89628c746d3298b5dc1cca604694c2c855da8bb8250ec8014a5b",
     "53f1b8153a301c72ecc655b1c315d64e1dcea3ee58921fd7507e35818fcc1584", 28),
    (TRANSFER, None, "a", "43592d7c6c7d816ece2e206f174be61249d651944932b13343f4d13f306ae602",
     "71a926cb5c9a7c01c3359ec4c4c34c16ff8107d610994d4de0e6430e5cc0f4c9", 28),
    (TRANSFER, None, "b", "e26574013395ad55ee2f4e0575310f003c5bb3351b5425482e2969fa51543927",
     "efb08999196366871f919fd0e138b3a7f30ee33e678df7cfaf203e25f0a4278", 28),
    ({"type": "scheduleCancel"}, None, "a",
     "6cdfb286702f5917e76cd9b3b8bf678fcc49aec194c02a73e6d4f16891195df9",
     "6557ac307fa05d25b8d61f21fb8a938e703b3d9bf575f6717ba21ec61261b2a0", 27),
    ({"type": "scheduleCancel"}, None, "b",
     "c75bb195c3f6a4e06b7d395acc20bbb224f6d23ccff7c6a26d327304e6efaeed",
     "342f8ede109a29f2c0723bd5efb9e9100e3bbb493f8fb5164ee3d385908233df", 28),
    (SCHEDULE, None, "a", "609cb20c737945d070716dcc696ba030e9976fcf5edad87afa7d877493109d55",
     "16c685d63b5c7a04512d73f183b3d7a00da5406ff1f8aad33f8ae2163bab758b", 28),
    (SCHEDULE, None, "b", "4e4f2dbd4107c69783e251b7e1057d9f2b9d11cee213441ccfa2be63516dc5bc",
     "706c656b23428c8ba356d68db207e11139ede1670481a9e01ae2dfcdb0e1a678", 27),
]  # fmt: skip


@pytest.fixture(scope="module")
def recorded(snapshots: Path) -> Path:
    """Folder of requests that the real venue received, with its answers."""
    return snapshots.parent / "hl_signed_actions_testnet"


@pytest.mark.parametrize(("action", "vault", "source", "r", "s", "v"), PUBLISHED)
def test_the_sdks_own_vectors_are_met_and_recovered(action, vault, source, r, s, v):
    wanted = Signature("0x" + r, "0x" + s, v)
    assert sign(KEY, action, 0, vault=vault, source=source) == wanted
    assert recover(action, wanted, 0, vault, source=source) == KEY.address


def test_the_published_phantom_agent_is_met():
    order = wire.limit_order(4, 1, 1670.1, 0.0147, 4, tif="Ioc")
    found = connection_id(wire.PlaceOrders([order]), 1677777606040)
    assert found.hex() == "0fcbeda5ae3c4950a548021552a4fea2226858c4453571bf3f24ba017eac2908"


def test_all_vectors_made_with_the_sdk_are_met(recorded):
    vectors = json.loads((recorded / "_sdk_generated_vectors.json").read_text())["vectors"]
    assert len(vectors) == 25
    for vector in vectors:
        for network, source in (("Mainnet", "a"), ("Testnet", "b")):
            wanted = Signature(**vector[network.lower()])
            assert _signed(vector, network, source) == wanted, vector["name"]
            assert _recovered(vector, network, source, wanted) == KEY.address, vector["name"]


def _signed(vector: dict[str, Any], network: str, source: Any) -> Signature:
    if vector["kind"] == "user":
        return sign_as_user(KEY, vector["action"] | {"hyperliquidChain": network})
    expires, vault = vector["expiresAfter"], vector["vaultAddress"]
    found = connection_id(vector["action"], vector["nonce"], vault, expires)
    assert found.hex() == vector["connectionId"][2:]
    return sign(
        KEY, vector["action"], vector["nonce"], vault=vault, expires_after=expires, source=source
    )


def _recovered(vector: dict[str, Any], network: str, source: Any, signature: Signature) -> str:
    if vector["kind"] == "user":
        return recover(vector["action"] | {"hyperliquidChain": network}, signature, 0)
    surroundings = vector["nonce"], vector["vaultAddress"], vector["expiresAfter"]
    return recover(vector["action"], signature, *surroundings, source)


FIRST = "0x4a1ae5a6cfb24390a704b1cc1ab88d0f89ef596b"
SECOND = "0xdf8187008dd2084b553c9a5985be950c77fd76ed"
SIGNERS = {
    "19b_usdSend_wallet2_to_wallet1": SECOND,
    "22_agentSendAsset": SECOND,
    # signed wrongly: the venue's answer names this address
    "12_usdClassTransfer": "0x932034054685ab4d46a5b9e59b70a4b7f2c76d4d",
}


def test_what_the_venue_received_was_signed_by_whom_it_says(recorded):
    bodies = [(path, json.loads(path.read_text())) for path in sorted(recorded.glob("[0-9]*.json"))]
    signed = {path.stem: body for path, body in bodies if "action" in body["request"]}
    assert len(signed) == 25
    for name, body in signed.items():
        request = wire.decode(json.dumps(body["request"]).encode())
        found = recover(
            request.action,
            request.signature,
            request.nonce,
            request.vaultAddress,
            request.expiresAfter,
        )
        assert found == SIGNERS.get(name, FIRST), name
        if "Must deposit" in str(body["response"]):
            assert found in body["response"]["response"]


def test_the_venues_own_form_of_what_it_received_has_the_same_hash(recorded):
    for name in ("01_place_order", "02_modify", "03_batchModify", "03b_cancel", "08_modify_error"):
        action = json.loads((recorded / f"{name}.json").read_text())["request"]["action"]
        shuffled = dict(reversed(action.items()))
        assert connection_id(shuffled, 7) != connection_id(action, 7)
        assert connection_id(wire.canonical(shuffled), 7) == connection_id(action, 7)


# --- against the SDK ---------------------------------------------------------------------------

nonces = st.integers(0, 2**48)
assets = st.integers(0, 200_000)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
cloids = st.builds(Cloid, st.integers(0, 2**32 - 1), assets, st.integers(0, 2**48 - 1))
texts = st.text(st.characters(codec="utf-8"), max_size=20)


@st.composite
def grid(draw: st.DrawFn) -> tuple[int, float, float]:
    """Decimals of a size, a price and a size on the venue's grid."""
    sz_decimals = draw(st.integers(0, 5))
    instrument = new_instrument(sz_decimals)
    px = draw(st.floats(10.0 ** (sz_decimals - 5), 150_000))
    on_grid = float(to_px(instrument, passive_units(instrument, -1, px)))
    # larger sizes have noise in the SDK's eighth decimal
    return sz_decimals, on_grid, draw(st.integers(1, 3 * 10 ** (7 + sz_decimals))) / 10**sz_decimals


@st.composite
def orders(draw: st.DrawFn) -> tuple[wire.Order, Any]:
    """An order of ours, and the SDK's request for the same."""
    sz_decimals, px, sz = draw(grid())
    asset, buys, reduces = draw(assets), draw(st.booleans()), draw(st.booleans())
    tif = draw(st.sampled_from(["Alo", "Ioc", "Gtc"]))
    cloid = draw(st.none() | cloids.map(Cloid.wire))
    ours = wire.limit_order(
        asset, 1 if buys else -1, px, sz, sz_decimals, tif=tif, cloid=cloid, reduce_only=reduces
    )
    theirs = sdk.order_request_to_order_wire(
        {
            "coin": "",
            "is_buy": buys,
            "sz": sz,
            "limit_px": px,
            "order_type": {"limit": {"tif": tif}},
            "reduce_only": reduces,
            "cloid": None if cloid is None else SdkCloid.from_str(cloid),
        },
        asset,
    )
    return ours, theirs


@st.composite
def actions(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """An action of ours, and the SDK's for the same."""
    asset, oid = draw(assets), draw(st.integers(0, 2**60))
    order, theirs = draw(orders())
    named = draw(st.just(oid) | cloids.map(Cloid.wire))
    many = draw(st.lists(orders(), min_size=1, max_size=3))
    ntli = draw(st.integers(-(10**12), 10**12))
    cancel = {"asset": asset, "cloid": str(named)}
    modify = {"oid": named, "order": theirs}
    choices = [
        (
            wire.PlaceOrders([ours for ours, _ in many]),
            sdk.order_wires_to_order_action([other for _, other in many]),
        ),
        (
            wire.CancelOrders([wire.Cancel(asset, oid)]),
            {"type": "cancel", "cancels": [{"a": asset, "o": oid}]},
        ),
        (
            wire.CancelByCloid([wire.CancelCloid(asset, str(named))]),
            {"type": "cancelByCloid", "cancels": [cancel]},
        ),
        (wire.ModifyOrder(named, order), {"type": "modify"} | modify),
        (
            wire.ModifyOrders([wire.Modify(named, order)]),
            {"type": "batchModify", "modifies": [modify]},
        ),
        (wire.ScheduleCancel(), {"type": "scheduleCancel"}),
        (wire.ScheduleCancel(oid), {"type": "scheduleCancel", "time": oid}),
        (
            wire.UpdateLeverage(asset, True, 3),
            {"type": "updateLeverage", "asset": asset, "isCross": True, "leverage": 3},
        ),
        (
            wire.isolated_margin(asset, ntli / 1e6),
            {"type": "updateIsolatedMargin", "asset": asset, "isBuy": True, "ntli": ntli},
        ),
        (wire.Noop(), {"type": "noop"}),
    ]
    return draw(st.sampled_from(choices))


@given(actions(), nonces, st.none() | addresses, st.none() | nonces, st.booleans())
def test_every_trading_action_is_signed_as_the_sdk_signs_it(
    action, nonce, vault, expires, is_mainnet
):
    ours, theirs = action
    assert json.loads(wire.encode(ours)) == theirs
    wanted = Signature(**sdk.sign_l1_action(WALLET, theirs, vault, nonce, expires, is_mainnet))
    source = "a" if is_mainnet else "b"
    surroundings = {"vault": vault, "expires_after": expires, "source": source}
    assert sign(KEY, ours, nonce, **surroundings) == wanted
    assert recover(theirs, wanted, nonce, **surroundings) == KEY.address


USER_FIELDS = {"string": texts, "address": addresses, "bool": st.booleans(), "uint64": nonces}
SIGNERS_OF_SDK = {
    "usdSend": sdk.sign_usd_transfer_action,
    "spotSend": sdk.sign_spot_transfer_action,
    "withdraw3": sdk.sign_withdraw_from_bridge_action,
    "usdClassTransfer": sdk.sign_usd_class_transfer_action,
    "sendAsset": sdk.sign_send_asset_action,
    "approveAgent": sdk.sign_agent,
    "approveBuilderFee": sdk.sign_approve_builder_fee,
    "userDexAbstraction": sdk.sign_user_dex_abstraction_action,
    "userSetAbstraction": sdk.sign_user_set_abstraction_action,
    "tokenDelegate": sdk.sign_token_delegate_action,
    "convertToMultiSigUser": sdk.sign_convert_to_multi_sig_user_action,
}


@given(st.data(), st.sampled_from(sorted(SIGNERS_OF_SDK)), st.booleans())
def test_every_user_signed_action_of_the_sdk_is_signed_and_recovered(data, kind, is_mainnet):
    action = {"type": kind}
    for declared in user_signed.FIELDS[kind][1].split(","):
        of, name = declared.split()
        action[name] = data.draw(USER_FIELDS[of], name)
    wanted = Signature(**SIGNERS_OF_SDK[kind](WALLET, action, is_mainnet))  # adds two fields
    assert sign_as_user(KEY, action) == wanted
    assert recover(action, wanted, 0) == KEY.address


def test_the_agents_approval_is_that_of_the_sdk():
    ours = user_signed.approve_agent(VAULT, "maker", 1_700_000_000_000, "Testnet")
    theirs = {"type": "approveAgent", "agentAddress": VAULT, "agentName": "maker", "nonce": 1}
    theirs["nonce"] = 1_700_000_000_000
    assert sign_as_user(KEY, ours) == Signature(**sdk.sign_agent(WALLET, theirs, False))
    assert ours == theirs


@given(st.binary(min_size=32, max_size=32).filter(any), nonces)
def test_any_key_has_the_address_and_the_signature_the_sdk_gives_it(secret, nonce):
    key, wallet = SigningKey(secret.hex()), Wallet.from_key(secret)
    assert key.address == wallet.address.lower()
    wanted = Signature(**sdk.sign_l1_action(wallet, {"type": "noop"}, None, nonce, None, False))
    assert sign(key, wire.Noop(), nonce) == wanted


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["nonce", "vault", "expires", "source", "action"])
def test_a_changed_request_was_signed_by_somebody_else(change):
    order = wire.limit_order(1, 1, 1999.5, 0.01, 4, tif="Alo")
    signature = sign(KEY, wire.PlaceOrders([order]), 5, expires_after=9)
    said = {"action": wire.PlaceOrders([order]), "nonce": 5, "expires_after": 9}
    said |= {
        "nonce": {"nonce": 6},
        "vault": {"vault": VAULT},
        "expires": {"expires_after": 10},
        "source": {"source": "a"},
        "action": {"action": wire.PlaceOrders([order, order])},
    }[change]
    assert recover(signature=signature, **said) != KEY.address


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (Signature("0x0", "0x0", 27), "of no key"),
        (Signature("0x1", "0x1", 26), "v must be 27 or 28"),
        (Signature("1", "0x1", 27), "r must be 0x"),
        (Signature("0x1", "0x" + "f" * 65, 27), "s must be 0x"),
        (Signature("0x" + "f" * 64, "0x1", 27), "of no key"),
    ],
)
def test_what_is_no_signature_is_refused(signature, why):
    with pytest.raises(ValueError, match=why):
        recover({"type": "noop"}, signature, 0)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount": 1.5}, "amount must be of type string, was 1.5"),
        ({"toPerp": 1}, "toPerp must be of type bool"),
        ({"nonce": -1}, "nonce must be of type uint64"),
        ({"nonce": True}, "nonce must be of type uint64"),
        ({"signatureChainId": None}, "signatureChainId must be a number"),
        ({"signatureChainId": "-0x1"}, "signatureChainId must be a number"),
        ({"amount": "\ud800"}, "amount must be of type string"),
    ],
)
def test_a_user_signed_action_with_a_wrong_field_is_refused(change, why):
    action = {
        "type": "usdClassTransfer",
        "hyperliquidChain": "Testnet",
        "signatureChainId": "0x66eee",
        "amount": "1.5",
        "toPerp": True,
        "nonce": 1,
    }
    with pytest.raises(ValueError, match=why):
        recover(action | change, Signature("0x1", "0x1", 27), 1)
    del action["amount"]
    with pytest.raises(ValueError, match="amount is missing from usdClassTransfer"):
        user_signed.digest(action)


some_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from([*user_signed.FIELDS, "order"]) | some_json


@given(st.dictionaries(texts, some_json, max_size=4), kinds, st.integers(), texts, st.integers())
def test_any_request_has_a_signer_or_is_refused_with_a_reason(action, kind, nonce, text, v):
    signature = Signature("0x" + text, "0x1", v)
    for said in (action, action | {"type": kind}):
        with contextlib.suppress(ValueError):
            assert recover(said, signature, nonce).startswith("0x")


@pytest.mark.parametrize(
    "action",
    [
        {"type": "transfer"},
        {"type": "cancel", "cancels": [{"a": 1}]},
        {"type": "cancel", "cancels": [{"a": "1", "o": 1}]},
        {"type": "scheduleCancel", "time": 1.5},
        {"cancels": []},
    ],
)
def test_what_is_no_action_has_no_canonical_form(action):
    with pytest.raises(msgspec.ValidationError):
        wire.canonical(action)


# --- amounts -----------------------------------------------------------------------------------


@given(grid())
def test_what_is_on_the_grid_is_written_as_the_sdk_writes_it(drawn):
    sz_decimals, px, sz = drawn
    assert wire_px(px, sz_decimals) == sdk.float_to_wire(px)
    assert wire_sz(sz, sz_decimals) == sdk.float_to_wire(sz)


@given(st.integers(1, 10**15), st.integers(0, 6))
def test_every_number_of_so_many_decimals_is_written_exactly(units, decimals):
    assume(units < 10 ** (9 + decimals))
    exact = Decimal(units).scaleb(-decimals)
    wanted = format(exact, "f")
    assert wire_sz(float(exact), decimals) == (
        wanted.rstrip("0").rstrip(".") if "." in wanted else wanted
    )


def test_a_large_size_has_no_more_decimals_than_a_lot():
    assert sdk.float_to_wire(68772309.4) == "68772309.40000001"
    assert wire_sz(68772309.4, 1) == "68772309.4"


@given(st.floats(1e-6, 1e9), st.integers(0, 6))
def test_a_price_is_either_written_as_it_is_or_refused(px, sz_decimals):
    try:
        text = wire_px(px, sz_decimals)
    except ValueError:
        digits = f"{px:.{6 - sz_decimals}f}"
        figures = len(digits.replace(".", "").strip("0"))
        assert abs(float(digits) - px) >= 1e-12 or figures > 5
    else:
        assert math.isclose(float(text), px, abs_tol=1e-12)
        assert "e" not in text and not text.endswith((".", ".0"))


@pytest.mark.parametrize(
    ("px", "sz_decimals", "why"),
    [
        (84358.5, 5, "significant figures"),
        (1234.56, 2, "significant figures"),
        (0.1234567, 0, "at most 6 decimals"),
        (9.99995, 1, "significant figures"),
        (1.001, 4, "at most 2 decimals"),
        (0.0, 2, "positive"),
        (-1.0, 2, "positive"),
        (math.nan, 2, "positive"),
        (math.inf, 2, "positive"),
    ],
)
def test_a_price_off_the_grid_is_refused_and_never_rounded(px, sz_decimals, why):
    with pytest.raises(ValueError, match=why):
        wire_px(px, sz_decimals)


@pytest.mark.parametrize("sz", [0.0, -1.0, 0.005, math.nan, math.inf])
def test_a_size_off_the_grid_is_refused_and_never_rounded(sz):
    with pytest.raises(ValueError, match="sz must"):
        wire_sz(sz, 2)


def test_margin_is_whole_millionths():
    assert usd_units(10.5) == sdk.float_to_usd_int(10.5) == 10_500_000
    with pytest.raises(ValueError, match="6 decimals"):
        usd_units(0.0000015)


# --- our numbers -------------------------------------------------------------------------------


@given(cloids)
def test_a_cloid_tells_what_it_was_made_of_and_the_sdk_takes_it(cloid):
    assert read_cloid(cloid.wire()) == read_cloid(cloid.wire().upper().replace("X", "x")) == cloid
    assert SdkCloid.from_str(cloid.wire()).to_raw() == cloid.wire()


@given(st.binary(min_size=16, max_size=16).filter(lambda raw: raw[:2] != b"gw"))
def test_a_strangers_cloid_is_none_of_ours(raw):
    assert read_cloid("0x" + raw.hex()) is None


@pytest.mark.parametrize("cloid", [Cloid(-1, 0, 0), Cloid(2**32, 0, 0), Cloid(0, 0, 2**48)])
def test_a_cloid_that_would_overflow_into_another_is_refused(cloid):
    with pytest.raises(ValueError, match="must be from 0"):
        cloid.wire()
