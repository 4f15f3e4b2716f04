"""Why an order or an action is refused, in the venue's own words.

Sources: error table of the documentation (2026-09), recorded answers, and strings of the venue's
node as published by third parties. Where nobody has published the words, ours are marked.
"""

from typing import NamedTuple


class Refusal(NamedTuple):
    """What an order is told, and the status it goes into the history with."""

    text: str
    status: str


TICK = Refusal("Price must be divisible by tick size.", "tickRejected")
BAD_PX = Refusal("Order has invalid price.", "tickRejected")
BAD_SZ = Refusal("Order has invalid size.", "rejected")
ZERO_SZ = Refusal("Order has zero size.", "rejected")
MARGIN = Refusal("Insufficient margin to place order.", "perpMarginRejected")
REDUCE_ONLY = Refusal("Reduce only order would increase position.", "reduceOnlyRejected")
IOC = Refusal("Order could not immediately match against any resting orders.", "iocCancelRejected")
NO_LIQUIDITY = Refusal("No liquidity available for market order.", "marketOrderNoLiquidityRejected")
TRIGGER = Refusal("Invalid TP/SL price.", "badTriggerPxRejected")
FAR = Refusal("Order price cannot be more than 80% away from the reference price", "oracleRejected")
OI_CAP = Refusal(
    "Order would increase open interest while open interest is capped",
    "positionIncreaseAtOpenInterestCapRejected",
)
OI_CAP_FLIP = Refusal(OI_CAP.text, "positionFlipAtOpenInterestCapRejected")
TIER = Refusal(
    "Order would cause position to exceed margin tier limit at current leverage",
    "perpMaxPositionRejected",
)
TOO_MANY = Refusal("Too many open orders.", "tooManyOpenOrdersRejected")  # our words
SAME_CLOID = Refusal("Duplicate cloid.", "rejected")  # our words
HALTED = Refusal("Trading is halted.", "rejected")  # our words

GONE = "Order was never placed, already canceled, or filled."
NOT_MODIFIABLE = "Cannot modify canceled or filled order"
POST_ONLY_WINDOW = "Only post-only orders allowed immediately after network upgrade"
MAIN_IS_TRIGGER = "Main order cannot be trigger order."
TPSL_REDUCE_ONLY = "TP/SL orders must be reduce-only."  # our words
EXPIRED = "Action expired."  # our words
NO_PORTFOLIO = "Portfolio margin is not offered on localnet."  # our words
ABSTRACTION_SET = "Abstraction can only be set by an agent while it is default."  # our words
NO_REFERRER = "Referral code does not exist."  # our words
SPOT_CLOSED = "Spot trading is not offered on localnet."  # our words
EMPTY = "Orders are empty"
NO_PRIORITY = "Insufficient delegatable balance for priority order"
NO_BUILDER_FEE = "Builder fee has not been approved"
OVER_WEIGHT = "Signed action over weight limit of 200."
TOO_EARLY = "Scheduled cancel time too early, must be at least 5 seconds from now."
TOO_OFTEN = "Scheduled cancel limit of 10 per day reached."  # our words
BAD_LEVERAGE = "Invalid leverage value"
NO_CROSS = "Cross margin is not allowed for this asset."
SWITCH = "Cannot switch leverage type with open position."
CROSS_DECREASE = (
    "Cross position does not have sufficient margin available to decrease leverage. "
    "To decrease leverage, deposit more collateral."
)
ISOLATED_DECREASE = (
    "Isolated position does not have sufficient margin available to decrease leverage. "
    "To decrease leverage, add margin to the position."
)
NOT_ISOLATED = "Position does not use isolated margin."
NO_POSITION = "Cannot update margin for empty position."
ZERO_MARGIN = "Update to isolated margin cannot be zero."
NO_MARGIN_TO_ADD = "Account does not have sufficient margin available for increase."
NO_MARGIN_TO_TAKE = "Position does not have sufficient margin for reduction."
STRICT = "Cannot remove isolated margin for this asset. To remove margin, reduce the position."
NOT_STRICT = "Asset not strict isolated"
UNIFIED = "Action disabled when unified account is active"
INVALID_SEND = "Invalid send"
NO_BALANCE = "Insufficient balance for token transfer"
NO_WITHDRAWAL = "Insufficient balance for withdrawal"
ZERO_SEND = "Send amount cannot be zero"
BAD_DEX = "Invalid perp DEX"
AGENT_USED = "Extra agent already used."
AGENTS_FULL = "Too many extra agents for cumulative volume traded. Current limit is {limit}"
AGENT_SEND = "Agent can only send asset to same user or their sub-accounts."


class RefusedError(Exception):
    """A whole action is refused; the text is what ``response`` says."""


def min_notional(collateral: str) -> Refusal:
    """Return the refusal of an order that is too small.

    >>> min_notional("USDC").text, min_notional("USDE").text
    ('Order must have minimum value of $10.', 'Order must have minimum value of 10 USDE.')
    """
    least = "$10" if collateral == "USDC" else f"10 {collateral}"
    return Refusal(f"Order must have minimum value of {least}.", "minTradeNtlRejected")


def max_notional(usd: int) -> Refusal:
    """Return the refusal of an order that is too large; words are ours."""
    return Refusal(f"Order must have maximum value of ${usd}.", "rejected")


def post_only(bid: str, ask: str) -> Refusal:
    """Return the refusal of a post-only order that would have traded."""
    return Refusal(
        f"Post only order would have immediately matched, bbo was {bid}@{ask}.",
        "badAloPxRejected",
    )
