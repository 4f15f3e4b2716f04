"""Keccak-256, addresses and recoverable secp256k1 signatures, as Ethereum has them.

`sha3` would change hashlib when it is imported; the module behind it does not.
"""

import re
from typing import Any

import msgspec
from _pysha3 import keccak_256  # pyright: ignore[reportMissingImports]
from coincurve import PublicKey

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_SCALAR = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_V = 27  # 27 and 28 are the two parities


class Signature(msgspec.Struct, frozen=True):
    """A recoverable signature as it is on the wire: `r` and `s` without leading zeros."""

    r: str
    s: str
    v: int


def keccak(data: bytes) -> bytes:
    """Return the Keccak-256 hash, which is not SHA3-256: the padding differs.

    >>> keccak(b"").hex()[:16]
    'c5d2460186f7233c'
    """
    return keccak_256(data).digest()


def address_of(public_key: PublicKey) -> str:
    """Return the address of a public key, in lower case as the venue writes it."""
    return "0x" + keccak(public_key.format(compressed=False)[1:])[-20:].hex()


def address_bytes(field: str, address: Any) -> bytes:
    """Return the 20 bytes of an address of any case.

    Raises
    ------
    ValueError
        if it is none.
    """
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise ValueError(f"{field} must be 0x and 40 hexadecimal digits, was {address!r}")
    return bytes.fromhex(address[2:])


def to_wire(signature: bytes) -> Signature:
    """Return 65 bytes of r, s and parity as the official SDK writes them.

    >>> to_wire(bytes([*bytes(31), 10, *bytes(31), 11, 1]))
    Signature(r='0xa', s='0xb', v=28)
    """
    digits = signature.hex()
    r, s = digits[:64].lstrip("0"), digits[64:128].lstrip("0")
    return Signature(f"0x{r}", f"0x{s}", signature[64] + _V)


def recover_address(digest: bytes, signature: Signature) -> str:
    """Return the address whose key signed a digest of 32 bytes.

    Raises
    ------
    ValueError
        if `signature` is none: its numbers are not such, or belong to no point of the curve.
    """
    for field, scalar in (("r", signature.r), ("s", signature.s)):
        if not _SCALAR.fullmatch(scalar):
            raise ValueError(f"{field} must be 0x and up to 64 hexadecimal digits, was {scalar!r}")
    if signature.v - _V not in (0, 1):
        raise ValueError(f"v must be 27 or 28, was {signature.v}")
    # short numbers do occur, also in the SDK's own vectors
    r, s = (int(scalar, 16).to_bytes(32, "big") for scalar in (signature.r, signature.s))
    packed = r + s + bytes([signature.v - _V])
    try:
        return address_of(PublicKey.from_signature_and_message(packed, digest, hasher=None))
    except Exception as error:  # the library raises just that
        raise ValueError(f"signature is of no key: {error}") from error
