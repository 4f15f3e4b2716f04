"""What a trader sets: leverage, isolated margin, the scheduled cancel, reserved requests."""

from engine.localnet import agents, margin, positions, refusals
from engine.localnet.digits import MICRO, MalformedError, dollars_and_cents, wire
from engine.localnet.floor import Floor
from engine.localnet.placing import listed
from engine.localnet.refusals import RefusedError
from engine.localnet.state import Account, Json, Leverage
from engine.localnet.wire import address, field

SCHEDULE_VOLUME = 1_000_000 * MICRO
SCHEDULE_AHEAD_MS = 5_000
SCHEDULES_PER_DAY = 10
REQUEST_PRICE = 500  # micro-dollars
ABSTRACTIONS = {"i": "disabled", "u": "unifiedAccount", "p": "portfolioMargin"}


def update_leverage(floor: Floor, account: Account, action: Json) -> None:
    """``updateLeverage``: the setting of one asset, and what an open position needs for it."""
    asset = listed(floor, field(action, "asset", int))
    wanted = Leverage(field(action, "isCross", bool), field(action, "leverage", int))
    if not 1 <= wanted.value <= asset.spec.max_leverage:
        raise RefusedError(refusals.BAD_LEVERAGE)
    if wanted.cross and asset.isolated_only:
        raise RefusedError(refusals.NO_CROSS)
    before = margin.leverage_of(account, asset)
    position = account.positions.get(asset.id)
    if position is not None and (position.raw is None) != wanted.cross:
        raise RefusedError(refusals.SWITCH)
    if position is not None and position.raw is not None and wanted.value < before.value:
        summary = margin.isolated(floor, asset, position)
        if summary.value < summary.ntl // wanted.value:
            raise RefusedError(refusals.ISOLATED_DECREASE)
    account.leverage[asset.id] = wanted
    if wanted.value < before.value and not margin.still_allows(floor, account, asset.dex):
        account.leverage[asset.id] = before
        raise RefusedError(refusals.CROSS_DECREASE)


def update_isolated_margin(floor: Floor, account: Account, action: Json) -> None:
    """``updateIsolatedMargin``: collateral into a position, or out of it (negative)."""
    asset = listed(floor, field(action, "asset", int))
    micro = field(action, "ntli", int)
    if micro == 0:
        raise RefusedError(refusals.ZERO_MARGIN)
    if micro < 0 and asset.spec.margin_mode == "strictIsolated":
        raise RefusedError(refusals.STRICT)
    _move_margin(floor, account, asset.id, micro)


def top_up(floor: Floor, account: Account, action: Json) -> None:
    """``topUpIsolatedOnlyMargin``: margin until a strictly isolated position has a leverage."""
    asset = listed(floor, field(action, "asset", int))
    leverage = wire("leverage", action.get("leverage"))
    position = account.positions.get(asset.id)
    if asset.spec.margin_mode != "strictIsolated":
        raise RefusedError(refusals.NOT_STRICT)
    if leverage == 0:
        raise RefusedError(refusals.BAD_LEVERAGE)
    if position is None:
        raise RefusedError(refusals.NO_POSITION)
    summary = margin.isolated(floor, asset, position)
    micro = summary.ntl * 10**8 // leverage - summary.value
    if micro > 0:
        _move_margin(floor, account, asset.id, micro)


def _move_margin(floor: Floor, account: Account, number: int, micro: int) -> None:
    asset = floor.universe.assets[number]
    position = account.positions.get(number)
    if position is None and margin.leverage_of(account, asset).cross:
        raise RefusedError(refusals.NOT_ISOLATED)
    if position is None:
        raise RefusedError(refusals.NO_POSITION)
    if position.raw is None:
        raise RefusedError(refusals.NOT_ISOLATED)
    if micro > margin.withdrawable(floor, account, asset.dex):
        raise RefusedError(refusals.NO_MARGIN_TO_ADD)
    summary = margin.isolated(floor, asset, position)
    needed = max(summary.ntl // margin.leverage_of(account, asset).value, -(-summary.ntl // 10))
    if micro < 0 and summary.value + micro < needed:
        raise RefusedError(refusals.NO_MARGIN_TO_TAKE)
    positions.add_margin(account, asset, micro)


def schedule_cancel(floor: Floor, account: Account, action: Json) -> None:
    """``scheduleCancel``: cancel everything at a time, unless the time is set anew before."""
    if account.cum_volume < SCHEDULE_VOLUME:
        raise RefusedError(
            "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. "
            f"Traded: ${dollars_and_cents(account.cum_volume)}."
        )
    if action.get("time") is None:
        account.cancel_at = None
        return
    time = field(action, "time", int)
    if time < floor.state.time + SCHEDULE_AHEAD_MS:
        raise RefusedError(refusals.TOO_EARLY)
    if account.cancels_day == floor.day() and account.cancels_today >= SCHEDULES_PER_DAY:
        raise RefusedError(refusals.TOO_OFTEN)
    account.cancel_at = time


def reserve_requests(floor: Floor, account: Account, action: Json) -> None:
    """``reserveRequestWeight``: buy requests at 0.0005 USDC each."""
    weight = field(action, "weight", int)
    price = weight * REQUEST_PRICE
    if weight <= 0 or price > margin.withdrawable(floor, account, 0):
        raise RefusedError(refusals.NO_BALANCE)
    account.usd[0] = account.usd.get(0, 0) - price
    token = floor.universe.spec.dexs[0].collateral
    floor.state.fees[token] = floor.state.fees.get(token, 0) + price
    account.reserved += weight


def agent_set_abstraction(floor: Floor, account: Account, action: Json) -> None:
    """``agentSetAbstraction``: an agent may only choose a mode that was not chosen before."""
    del floor
    wanted = ABSTRACTIONS.get(field(action, "abstraction", str))
    if account.abstraction != "default":
        raise RefusedError(refusals.ABSTRACTION_SET)
    _set_abstraction(account, wanted)


def user_set_abstraction(floor: Floor, account: Account, action: Json) -> None:
    """``userSetAbstraction``: the mode of an account's own, or of a sub-account's."""
    wanted: str = field(action, "abstraction", str)
    known = wanted if wanted in ABSTRACTIONS.values() else None
    _set_abstraction(_own(floor, account, action), known)


def user_set_dex_abstraction(floor: Floor, account: Account, action: Json) -> None:
    """``userDexAbstraction``: remembered, and of no consequence here."""
    _own(floor, account, action).dex_abstraction = field(action, "enabled", bool)


def agent_enable_dex_abstraction(floor: Floor, account: Account, action: Json) -> None:
    """``agentEnableDexAbstraction``: remembered, and of no consequence here."""
    del floor, action
    account.dex_abstraction = True


def _own(floor: Floor, account: Account, action: Json) -> Account:
    user = address(action, "user")
    return agents.acting(floor, account, None if user == account.address else user)


def _set_abstraction(account: Account, wanted: str | None) -> None:
    if wanted is None:
        raise MalformedError(f"abstraction must be one of {ABSTRACTIONS}")
    if wanted == "portfolioMargin":
        raise RefusedError(refusals.NO_PORTFOLIO)
    account.abstraction = wanted


def nothing(floor: Floor, account: Account, action: Json) -> None:
    """``noop``: its nonce is used up."""
    del floor, account, action


def set_referrer(floor: Floor, account: Account, action: Json) -> None:
    """``setReferrer``: nobody has a code here."""
    del floor, account
    field(action, "code", str)
    raise RefusedError(refusals.NO_REFERRER)


def bid_for_priority(floor: Floor, account: Account, action: Json) -> None:
    """``gossipPriorityBid``: nobody has staked what it is paid from."""
    del floor, account, action
    raise RefusedError(refusals.NO_PRIORITY)
