"""Actions that a wallet signs field by field, so that a person can read what it shows.

An agent may not sign these; a desk signs them in the venue's own page, and the loopback exchange
checks them. Multi-signature envelopes are not among them.

References
----------
Fields as in the official Python SDK 0.24.0, `hyperliquid/utils/signing.py`; `sendToEvmWithData`
from a recorded request of May 2026.
"""

from collections.abc import Mapping
from typing import Any

from engine.venues.hyperliquid.curve import keccak
from engine.venues.hyperliquid.typed_data import domain_separator, typed_digest, word

CHAIN = "hyperliquidChain"  # the first field of all: Mainnet or Testnet
SIGNATURE_CHAIN = "0x66eee"  # what the SDK signs with; a wallet may name any

# action → primary type and its fields behind `hyperliquidChain`
FIELDS: dict[str, tuple[str, str]] = {
    "usdSend": ("UsdSend", "string destination,string amount,uint64 time"),
    "spotSend": ("SpotSend", "string destination,string token,string amount,uint64 time"),
    "withdraw3": ("Withdraw", "string destination,string amount,uint64 time"),
    "usdClassTransfer": ("UsdClassTransfer", "string amount,bool toPerp,uint64 nonce"),
    "sendAsset": (
        "SendAsset",
        "string destination,string sourceDex,string destinationDex,string token,string amount,"
        "string fromSubAccount,uint64 nonce",
    ),
    "approveAgent": ("ApproveAgent", "address agentAddress,string agentName,uint64 nonce"),
    "approveBuilderFee": ("ApproveBuilderFee", "string maxFeeRate,address builder,uint64 nonce"),
    "userDexAbstraction": ("UserDexAbstraction", "address user,bool enabled,uint64 nonce"),
    "userSetAbstraction": ("UserSetAbstraction", "address user,string abstraction,uint64 nonce"),
    "tokenDelegate": (
        "TokenDelegate",
        "address validator,uint64 wei,bool isUndelegate,uint64 nonce",
    ),
    "convertToMultiSigUser": ("ConvertToMultiSigUser", "string signers,uint64 nonce"),
    "sendToEvmWithData": (
        "SendToEvmWithData",
        "string token,string amount,string sourceDex,string destinationRecipient,"
        "string addressEncoding,uint32 destinationChainId,uint64 gasLimit,bytes data,uint64 nonce",
    ),
}


def approve_agent(address: str, name: str, nonce: int, chain: str) -> dict[str, Any]:
    """Return the action by which a master wallet lets an agent trade for it.

    Parameters
    ----------
    address
        of the agent.
    name
        up to 16 characters; a new agent of a name replaces the one before it.
    nonce
        milliseconds since 1970; the request's nonce must be the same.
    chain
        ``Mainnet`` or ``Testnet``; a loopback exchange is ``Testnet`` to the official SDK.
    """
    return {
        "type": "approveAgent",
        "signatureChainId": SIGNATURE_CHAIN,
        CHAIN: chain,
        "agentAddress": address,
        "agentName": name,
        "nonce": nonce,
    }


def digest(action: Mapping[str, Any]) -> bytes:
    """Return the 32 bytes that a wallet signs for a user-signed action.

    Raises
    ------
    ValueError
        if the action is none of `FIELDS`, or a field of it is missing or of another type.
    """
    kind = action.get("type")
    if not isinstance(kind, str) or kind not in FIELDS:
        raise ValueError(f"type must be one of {sorted(FIELDS)}, was {kind!r}")
    primary, fields = FIELDS[kind]
    fields = f"string {CHAIN},{fields}"
    struct = keccak(f"HyperliquidTransaction:{primary}({fields})".encode())
    for declared in fields.split(","):
        of, _, name = declared.partition(" ")
        struct += word(of, name, _value(action, name))
    domain = domain_separator("HyperliquidSignTransaction", _chain_id(action))
    return typed_digest(domain, struct)


def _value(action: Mapping[str, Any], name: str) -> Any:
    if name == "agentName":  # the SDK signs an empty name, and then leaves the key away
        return action.get(name) or ""
    if name not in action:
        raise ValueError(f"{name} is missing from {action['type']}")
    return action[name]


def _chain_id(action: Mapping[str, Any]) -> int:
    text = action.get("signatureChainId")
    try:
        chain_id = int(text, 16)  # pyright: ignore[reportArgumentType] - refused below
        chain_id.to_bytes(32, "big")
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"signatureChainId must be a number like 0x66eee, was {text!r}") from None
    return chain_id
