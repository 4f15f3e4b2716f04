"""What an order must satisfy before it may trade: grid, minimum, bands, caps, margin.

References
----------
Hyperliquid documentation, "Tick and lot size", "Error responses", "Rate limits" (open orders),
"HIP-3" (caps), "Contract specifications" (largest orders), read in September 2026.
"""

from engine.grid import SIGNIFICANT_FIGURES
from engine.localnet import margin, refusals
from engine.localnet.digits import MICRO, WIRE_DECIMALS
from engine.localnet.floor import Floor
from engine.localnet.order_shapes import is_reached
from engine.localnet.refusals import Refusal
from engine.localnet.state import Account, Order, Trigger
from engine.localnet.universe import Asset
from engine.localnet.wire import Wanted

MIN_NTL = 10 * MICRO
BAND = 5  # a price is within a fifth and five times the oracle
OPEN_ORDERS = 1_000
OPEN_ORDERS_MOST = 5_000
VOLUME_PER_ORDER = 5_000_000 * MICRO
# by max leverage, the largest market order [USD]
MARKET_ORDERS = ((25, 15_000_000), (20, 5_000_000), (10, 2_000_000), (1, 500_000))
LIMIT_ORDERS = 10  # times as much


def on_grid(asset: Asset, wanted: Wanted) -> tuple[int, int, int] | Refusal:
    """Return price, size and trigger price in units and lots, or why they are no such thing."""
    sz = _scaled(wanted.sz, asset.sz_decimals)
    if sz is None:
        return refusals.BAD_SZ
    prices = []
    for raw in (wanted.px, wanted.px if wanted.trigger_px is None else wanted.trigger_px):
        if raw == 0:
            return refusals.BAD_PX
        px = _scaled(raw, asset.px_decimals)
        if px is None or not is_legal(asset, px):
            return refusals.TICK
        prices.append(px)
    return prices[0], sz, prices[1]


def is_legal(asset: Asset, px: int) -> bool:
    """Return whether a price has at most five significant figures, or is whole."""
    return px % asset.px_scale == 0 or len(str(px).rstrip("0")) <= SIGNIFICANT_FIGURES


def as_order(
    floor: Floor, account: Account, asset: Asset, wanted: Wanted, *, whole: bool = False
) -> Order | Refusal:
    """Return an order that is on the grid, with a fresh oid and no place yet.

    A reduce-only order is shrunk to the position; one that waits for its trigger is not yet.
    """
    grid = on_grid(asset, wanted)
    if isinstance(grid, Refusal):
        return grid
    px, sz, trigger_px = grid
    if sz == 0 and not whole:
        return refusals.ZERO_SZ
    order = Order(
        oid=floor.next_oid(),
        user=account.address,
        asset=asset.id,
        is_buy=wanted.is_buy,
        px=px,
        sz=sz,
        orig_sz=sz,
        tif=wanted.tif,
        reduce_only=wanted.reduce_only,
        time=floor.state.time,
        cloid=wanted.cloid,
        told_sz=sz,
    )
    if wanted.trigger_px is not None:
        kind = "tp" if wanted.tpsl == "tp" else "sl"
        order.trigger = Trigger(trigger_px, wanted.is_market, kind, whole_position=whole)
    return order


def refusal(floor: Floor, account: Account, asset: Asset, order: Order) -> Refusal | None:
    """Return why an order may not be placed, if it may not; reduce-only ones are shrunk."""
    why = shrink_to_position(account, asset, order) if order.reduce_only else None
    why = why or _too_small(account, asset, order) or _too_large(asset, order)
    why = why or _too_many(floor, account, order)
    if why is not None:
        return why
    if order.cloid is not None and floor.find(account.address, order.cloid):
        return refusals.SAME_CLOID
    market = floor.market(asset)
    if market.oracle > BAND * order.px or order.px > BAND * market.oracle:
        return refusals.FAR
    if order.trigger is not None:
        reached = is_reached(order.trigger, order, market.mark)
        return refusals.TRIGGER if reached else None
    return None if order.reduce_only else _too_much(floor, account, asset, order)


def shrink_to_position(account: Account, asset: Asset, order: Order) -> Refusal | None:
    """Shrink a reduce-only order to the position; one that is for all of it gets its size."""
    position = account.positions.get(asset.id)
    if position is None or position.lots * order.sign > 0:
        return refusals.REDUCE_ONLY
    held = abs(position.lots)
    of_position = order.trigger is not None and order.trigger.whole_position
    order.sz = held if of_position else min(order.sz, held)
    return None


def _scaled(raw: int, decimals: int) -> int | None:
    quotient, rest = divmod(raw, 10 ** (WIRE_DECIMALS - decimals))
    return None if rest else quotient


def _too_small(account: Account, asset: Asset, order: Order) -> Refusal | None:
    """Return a refusal for less than ten dollars, unless it only closes."""
    if order.px * order.sz >= MIN_NTL or order.reduce_only:
        return None
    position = account.positions.get(asset.id)
    if position is not None and position.lots * order.sign < 0 and order.sz <= abs(position.lots):
        return None
    return refusals.min_notional(asset.collateral)


def _too_large(asset: Asset, order: Order) -> Refusal | None:
    usd = next(usd for since, usd in MARKET_ORDERS if asset.spec.max_leverage >= since)
    at_market = order.tif == "FrontendMarket" or (order.trigger and order.trigger.is_market)
    most = usd if at_market else usd * LIMIT_ORDERS
    return refusals.max_notional(most) if order.px * order.sz > most * MICRO else None


def _too_many(floor: Floor, account: Account, order: Order) -> Refusal | None:
    n = len(floor.orders(account.address))
    most = min(OPEN_ORDERS + account.cum_volume // VOLUME_PER_ORDER, OPEN_ORDERS_MOST)
    special = order.reduce_only or order.trigger is not None
    return refusals.TOO_MANY if n >= (OPEN_ORDERS if special else most) else None


def _too_much(floor: Floor, account: Account, asset: Asset, order: Order) -> Refusal | None:
    """Return a refusal for what caps, tiers or margin forbid."""
    position = account.positions.get(asset.id)
    held = position.lots if position else 0
    after = abs(held + order.sign * order.sz)
    if after > abs(held) and floor.at_cap(asset):
        flips = held * order.sign < 0
        return refusals.OI_CAP_FLIP if flips else refusals.OI_CAP
    ntl = after * floor.market(asset).mark
    setting = margin.leverage_of(account, asset)
    if after > abs(held) and setting.value > margin.max_leverage(asset, ntl):
        return refusals.TIER
    return None if margin.allows(floor, account, order) else refusals.MARGIN
