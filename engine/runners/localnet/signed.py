"""Bodies of ``POST /exchange``: read, brought into the venue's own form, and their signer found.

References
----------
Hyperliquid's server hashes its own typed form of an action: the order of keys on the wire, zeros
around numbers and the case of addresses and cloids change nothing there (measured in 2026).
"""

from typing import Any, Literal

from engine.localnet.digits import MalformedError, text, wire
from engine.localnet.exchange import OWNER, Request
from engine.localnet.refusals import RefusedError
from engine.venues.hyperliquid import signing
from engine.venues.hyperliquid.curve import Signature

UNREADABLE = "Unable to recover signer."
# keys of the signed actions in the order in which the venue hashes them; others keep their own
_ORDER = (
    *("type", "orders", "cancels", "modifies", "oid", "order", "grouping", "builder"),
    *("asset", "cloid", "isBuy", "isCross", "leverage", "ntli"),
    *("a", "b", "p", "s", "r", "t", "c", "o", "f", "limit", "trigger", "tif"),
    *("isMarket", "triggerPx", "tpsl"),
)
_RANK = {key: rank for rank, key in enumerate(_ORDER)}
_NUMBERS = ("p", "s", "triggerPx")
_TRADING = ("order", "cancel", "cancelByCloid", "modify", "batchModify")
_LOWER = ("c", "cloid", "b")


def read(body: Any, source: Literal["a", "b"]) -> Request:
    """Return the request in a body, its signer recovered.

    Parameters
    ----------
    body
        as JSON.
    source
        of the network this server plays.

    Raises
    ------
    MalformedError
        if it is no request of the venue's shape: 422.
    RefusedError
        if nobody signed it, or it is for another network or nonce than its own.
    """
    if not isinstance(body, dict) or not isinstance(body.get("action"), dict):
        raise MalformedError("the body must have an action")
    nonce: Any = body.get("nonce")
    vault, until = body.get("vaultAddress"), body.get("expiresAfter")
    if not _is_count(nonce) or not (until is None or _is_count(until)):
        raise MalformedError("nonce and expiresAfter must be whole numbers")
    if not (vault is None or isinstance(vault, str)):
        raise MalformedError("vaultAddress must be an address")
    action, signature = body["action"], _signature(body.get("signature"))
    kind = action.get("type")
    if kind in OWNER:
        _check_owned(action, nonce, source)
        until = None  # only trading actions expire
    signed = canonical(action) if kind in _TRADING else action
    try:
        signer = signing.recover(signed, signature, nonce, vault, until, source)
    except ValueError as error:
        raise RefusedError(UNREADABLE) from error
    return Request(signer, action, nonce, vault, until)


def canonical(value: Any, key: str = "") -> Any:
    """Return a trading action as the venue hashes it.

    >>> canonical({"p": "0100.50", "a": 1, "c": "0xAB"})
    {'a': 1, 'p': '100.5', 'c': '0xab'}

    Raises
    ------
    MalformedError
        if a number is none.
    """
    if isinstance(value, dict):
        keys = sorted(value, key=lambda name: _RANK.get(name, len(_RANK)))
        return {name: canonical(value[name], name) for name in keys}
    if isinstance(value, list):
        return [canonical(one, key) for one in value]
    if isinstance(value, str) and key in _NUMBERS:
        return text(wire(key, value), 8).removesuffix(".0")
    return value.lower() if isinstance(value, str) and key in _LOWER else value


def _signature(found: Any) -> Signature:
    if not isinstance(found, dict):
        raise MalformedError("signature must be an object")
    r, s = found.get("r"), found.get("s")
    v: Any = found.get("v")
    if not isinstance(r, str) or not isinstance(s, str) or not _is_count(v):
        raise MalformedError("signature must have r and s as text, and v")
    return Signature(r, s, v)


def _check_owned(action: dict[str, Any], nonce: int, source: Literal["a", "b"]) -> None:
    """Refuse a user-signed action that was signed for somewhere or something else; words are ours.

    Its signature covers its own nonce, not that of the envelope.
    """
    chain = "Mainnet" if source == "a" else "Testnet"
    if action.get("hyperliquidChain") != chain:
        raise RefusedError(f"Invalid chain: this is {chain}")
    own = action.get("nonce", action.get("time"))
    if own != nonce:
        raise RefusedError(f"Invalid nonce: action has {own}, request has {nonce}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64
