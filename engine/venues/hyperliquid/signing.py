"""Sign what is sent to Hyperliquid's ``POST /exchange``, and say who signed it.

A trading action is hashed with its nonce, vault and expiry; the hash is called *connection id*, and
a phantom agent of it is signed: its source is ``a`` on mainnet and ``b`` on every other network,
which is also how the official SDK signs for a server on this machine. The action's keys are
hashed in the order they have, so whoever writes one must write them in the venue's.

References
----------
Official Python SDK 0.24.0, `hyperliquid/utils/signing.py`, and its test vectors; requests recorded
on testnet in May 2026. The server hashes its own typed form of an action: order of keys and case
of a cloid on the wire change nothing there (measured in 2026); `wire.canonical` is that form.
"""

from typing import Any, Literal

import msgspec

from engine.venues.hyperliquid import user_signed
from engine.venues.hyperliquid.curve import (
    Signature,
    address_bytes,
    keccak,
    recover_address,
    to_wire,
)
from engine.venues.hyperliquid.key import SigningKey
from engine.venues.hyperliquid.typed_data import domain_separator, typed_digest

Source = Literal["a", "b"]
MAINNET: Source = "a"
ELSEWHERE: Source = "b"

_ENCODER = msgspec.msgpack.Encoder()
_DOMAIN = domain_separator("Exchange", 1337)
_AGENT = keccak(b"Agent(string source,bytes32 connectionId)")
_SOURCES: dict[Source, bytes] = {"a": _AGENT + keccak(b"a"), "b": _AGENT + keccak(b"b")}


def connection_id(
    action: Any, nonce: int, vault: str | None = None, expires_after: int | None = None
) -> bytes:
    """Return the hash of a trading action and what surrounds it.

    Parameters
    ----------
    action
        one of `wire`, or a mapping with its keys in the venue's order.
    nonce
        milliseconds since 1970, or a little more.
    vault
        address of the sub-account or vault that is traded for.
    expires_after
        when the venue must have forgotten the action [ms since 1970].

    Raises
    ------
    ValueError
        if a number does not fit, or `vault` is no address.

    Examples
    --------
    >>> connection_id({"type": "noop"}, 1700000000000).hex()[:16]
    'ef5dcef9775ebb2c'
    """
    try:
        hashed = _ENCODER.encode(action)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"action cannot be hashed: {error}") from error
    hashed += _eight_bytes("nonce", nonce)
    hashed += b"\0" if vault is None else b"\1" + address_bytes("vault", vault)
    if expires_after is not None:
        hashed += b"\0" + _eight_bytes("expires_after", expires_after)
    return keccak(hashed)


def _eight_bytes(field: str, value: int) -> bytes:
    try:
        return value.to_bytes(8, "big")
    except OverflowError:
        raise ValueError(f"{field} must be from 0 to 2^64 - 1, was {value}") from None


def sign(
    key: SigningKey,
    action: Any,
    nonce: int,
    *,
    vault: str | None = None,
    expires_after: int | None = None,
    source: Source = ELSEWHERE,
) -> Signature:
    """Return the signature of a trading action, equal to the official SDK's to the last bit."""
    agent = _SOURCES[source] + connection_id(action, nonce, vault, expires_after)
    return to_wire(key.sign(typed_digest(_DOMAIN, agent)))


def sign_as_user(key: SigningKey, action: dict[str, Any]) -> Signature:
    """Return the signature of a user-signed action, such as `user_signed.approve_agent`."""
    return to_wire(key.sign(user_signed.digest(action)))


def recover(
    action: Any,
    signature: Signature,
    nonce: int,
    vault: str | None = None,
    expires_after: int | None = None,
    source: Source = ELSEWHERE,
) -> str:
    """Return the address, in lower case, whose key signed a request to ``/exchange``.

    A user-signed action is recognised by its type; of the surroundings it holds only the nonce,
    as a field of its own, which the caller compares. A wrong signature recovers some address nobody
    knows: whoever calls looks it up.

    Parameters
    ----------
    action, nonce, vault, expires_after
        as in `connection_id`; `action` as it came, a mapping in the order of the wire.
    signature
        of the request; r and s may be short.
    source
        of the network this server plays.

    Raises
    ------
    ValueError
        if `signature` is of no key, or something that is signed is not what it must be.
    """
    if isinstance(action, dict) and str(action.get("type")) in user_signed.FIELDS:
        return recover_address(user_signed.digest(action), signature)
    agent = _SOURCES[source] + connection_id(action, nonce, vault, expires_after)
    return recover_address(typed_digest(_DOMAIN, agent), signature)
