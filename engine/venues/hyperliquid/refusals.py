"""Why the venue says no: its words and statuses.

Its sentences are matched by how they begin: live ones often end with `` asset=3`` or with numbers.

References
----------
Hyperliquid documentation, "Error responses", 2026-09-30; sentences recorded on testnet in 2026;
statuses as in `nktkas/hyperliquid` of August 2026.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Kinds of refusals; a refused request has changed nothing."""

    POST_ONLY = "it would have taken"
    MIN_NOTIONAL = "it is worth too little"
    NO_MARGIN = "the margin does not suffice"
    RATE_LIMIT = "too many requests"
    UNKNOWN_ORDER = "there is no such order any more"
    OI_CAP = "open interest is capped"
    BAD_PX = "the price is off the grid or too far away"
    BAD_SZ = "the size is off the grid"
    TOO_MANY = "too many open orders"
    REDUCE_ONLY = "it would not reduce the position"
    NO_MATCH = "nothing to take"
    POST_ONLY_PERIOD = "only post-only orders for a while"
    EXPIRED = "it came too late"
    NONCE = "the nonce is out of range"
    SIGNER = "the signer may not act for this account"
    NO_VOLUME = "the account has not traded enough"
    MALFORMED = "the venue does not understand it"
    NOT_SENT = "there was no connection"
    OTHER = "for another reason"


USED_NONCE = "invalid nonce: duplicate nonce"  # not a refusal: the first of the two may have worked

_SENTENCES = (
    ("post only order would have immediately matched", Reason.POST_ONLY),
    ("order must have minimum value of", Reason.MIN_NOTIONAL),
    ("insufficient margin to place order", Reason.NO_MARGIN),
    ("insufficient spot balance", Reason.NO_MARGIN),
    ("order has insufficient spot balance", Reason.NO_MARGIN),
    ("order would cause position to exceed margin tier limit", Reason.NO_MARGIN),
    ("too many cumulative requests sent", Reason.RATE_LIMIT),
    ("order was never placed, already canceled, or filled", Reason.UNKNOWN_ORDER),
    ("cannot modify canceled or filled order", Reason.UNKNOWN_ORDER),
    ("order would increase open interest", Reason.OI_CAP),
    ("order rejected due to price more aggressive than oracle", Reason.OI_CAP),
    ("price must be divisible by tick size", Reason.BAD_PX),
    ("price too far from oracle", Reason.BAD_PX),
    ("order price too far from oracle", Reason.BAD_PX),
    ("order price cannot be more than", Reason.BAD_PX),
    ("order has invalid price", Reason.BAD_PX),
    ("order has invalid size", Reason.BAD_SZ),
    ("order has zero size", Reason.BAD_SZ),
    ("too many open orders", Reason.TOO_MANY),
    ("reduce only order would increase position", Reason.REDUCE_ONLY),
    ("order could not immediately match", Reason.NO_MATCH),
    ("no liquidity available for market order", Reason.NO_MATCH),
    ("only post-only orders allowed immediately after", Reason.POST_ONLY_PERIOD),
    ("action already expired", Reason.EXPIRED),
    ("invalid nonce", Reason.NONCE),
    ("user or api wallet", Reason.SIGNER),
    ("unable to recover signer", Reason.SIGNER),
    ("must deposit before performing actions", Reason.SIGNER),
    ("cannot set scheduled cancel time until enough volume", Reason.NO_VOLUME),
    ("orders are empty", Reason.MALFORMED),
    ("signed action over weight limit", Reason.MALFORMED),
)

_REJECTED = {
    "badAloPxRejected": Reason.POST_ONLY,
    "minTradeNtlRejected": Reason.MIN_NOTIONAL,
    "perpMarginRejected": Reason.NO_MARGIN,
    "perpMaxPositionRejected": Reason.NO_MARGIN,
    "insufficientSpotBalanceRejected": Reason.NO_MARGIN,
    "positionIncreaseAtOpenInterestCapRejected": Reason.OI_CAP,
    "positionFlipAtOpenInterestCapRejected": Reason.OI_CAP,
    "tooAggressiveAtOpenInterestCapRejected": Reason.OI_CAP,
    "openInterestIncreaseRejected": Reason.OI_CAP,
    "tickRejected": Reason.BAD_PX,
    "oracleRejected": Reason.BAD_PX,
    "badTriggerPxRejected": Reason.BAD_PX,
    "tooManyOpenOrdersRejected": Reason.TOO_MANY,
    "reduceOnlyRejected": Reason.REDUCE_ONLY,
    "iocCancelRejected": Reason.NO_MATCH,
    "marketOrderNoLiquidityRejected": Reason.NO_MATCH,
}


def reason_of(sentence: str) -> Reason:
    """Return the kind of a refusal from the venue's sentence.

    >>> reason_of("Price too far from oracle asset=4").name
    'BAD_PX'
    """
    said = sentence.casefold().removeprefix("l1 error: ")
    return next((reason for start, reason in _SENTENCES if said.startswith(start)), Reason.OTHER)


def reason_of_status(status: str) -> Reason:
    """Return the kind of a refusal from the status of an order that was never on the book."""
    return _REJECTED.get(status, Reason.OTHER)
