"""Hashes of typed data: what is signed of a struct of named fields, within a domain.

Fields are flat here: strings, bytes, addresses, truth values and whole numbers.

References
----------
EIP-712, "Typed structured data hashing and signing".
"""

from collections.abc import Callable
from typing import Any

from engine.venues.hyperliquid.curve import address_bytes, keccak


def domain_separator(name: str, chain_id: int) -> bytes:
    """Return the hash of a signing domain of version 1, without a contract."""
    described = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    words = [keccak(text.encode()) for text in (described, name, "1")]
    return keccak(b"".join(words) + chain_id.to_bytes(32, "big") + bytes(32))


def typed_digest(domain: bytes, struct: bytes) -> bytes:
    """Return what is signed of a struct's type hash and words, within a domain."""
    return keccak(b"\x19\x01" + domain + keccak(struct))


def word(of: str, name: str, value: Any) -> bytes:
    """Return the 32 bytes of a field of a type.

    >>> word("bool", "toPerp", True)[-1]
    1

    Raises
    ------
    ValueError
        if the value is not of that type.
    """
    try:
        return _WORDS[of](value)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be of type {of}, was {value!r}") from None


def _whole(bits: int) -> Callable[[Any], bytes]:
    def encoded(value: Any) -> bytes:
        if isinstance(value, bool):
            raise TypeError
        if not 0 <= value < 1 << bits:
            raise OverflowError
        return value.to_bytes(32, "big")

    return encoded


def _truth(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise TypeError
    return value.to_bytes(32, "big")


_WORDS: dict[str, Callable[[Any], bytes]] = {
    "string": lambda value: keccak(value.encode()),
    "bytes": lambda value: keccak(bytes.fromhex(value.removeprefix("0x"))),
    "address": lambda value: bytes(12) + address_bytes("address", value),
    "bool": _truth,
    "uint32": _whole(32),
    "uint64": _whole(64),
}
