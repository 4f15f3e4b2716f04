"""What ``/info`` tells an account of itself: margin, balances, fees, agents, history."""

from engine.localnet import agents, fees, limits, margin
from engine.localnet.digits import WIRE_DECIMALS, nearest, text, usd
from engine.localnet.floor import Floor
from engine.localnet.margin import PRINTED, Totals
from engine.localnet.state import Account, Agent, Json, Leverage, Position
from engine.localnet.universe import Asset

DAY_MS = 86_400_000
PERIODS = {"day": DAY_MS, "week": 7 * DAY_MS, "month": 30 * DAY_MS, "allTime": 1 << 62}


def clearinghouse_state(floor: Floor, account: Account, dex: int) -> Json:
    """Return ``clearinghouseState``."""
    cross = margin.cross(floor, account, dex)
    held = sorted(margin.held(floor, account, dex), key=lambda pair: pair[0].id)
    return {
        "marginSummary": _summary(margin.total(floor, account, dex)),
        "crossMarginSummary": _summary(cross),
        "crossMaintenanceMarginUsed": usd(cross.maintenance),
        "withdrawable": usd(margin.withdrawable(floor, account, dex)),
        "assetPositions": [
            {"type": "oneWay", "position": _position(floor, account, asset, position, cross)}
            for asset, position in held
        ],
        "time": floor.state.time,
    }


def spot_state(floor: Floor, account: Account) -> Json:
    """Return ``spotClearinghouseState``."""
    balances = [
        {
            "coin": floor.universe.tokens[token].name,
            "token": token,
            "total": text(wei, WIRE_DECIMALS),
            "hold": "0.0",
            "entryNtl": "0.0",
        }
        for token, wei in sorted(account.spot.items())
    ]
    return {"balances": balances}


def active_asset_data(floor: Floor, account: Account, asset: Asset) -> Json:
    """Return ``activeAssetData``: what may be bought and sold."""
    cross = margin.cross(floor, account, asset.dex)
    free = max(0, cross.value - cross.used - margin.for_orders(floor, account, asset.dex))
    setting, mark = margin.leverage_of(account, asset), floor.market(asset).mark
    position = account.positions.get(asset.id)
    lots = position.lots if position else 0
    # turning round frees the margin of what is held
    freed = 2 * abs(lots) * mark // setting.value
    usable = [free + (freed if lots < 0 else 0), free + (freed if lots > 0 else 0)]
    return {
        "user": account.address,
        "coin": asset.coin,
        "leverage": _leverage(setting, position),
        "maxTradeSzs": [text(x * setting.value // mark, asset.sz_decimals) for x in usable],
        "availableToTrade": [usd(x) for x in usable],
        "markPx": text(mark, asset.px_decimals),
    }


def user_fees(floor: Floor, account: Account) -> Json:
    """Return ``userFees``."""
    taker, maker = fees.rates(floor, account)
    today = floor.day()
    daily = []
    for day in range(today - fees.DAYS, today + 1):
        taken, made = account.daily.get(day, (0, 0))
        daily.append(
            {
                "date": fees.date(day),
                "userCross": usd(taken),
                "userAdd": usd(made),
                "exchange": usd(floor.state.volume.get(day, 0)),
            }
        )
    return {
        "dailyUserVlm": daily,
        "feeSchedule": fees.schedule(),
        "userCrossRate": fees.plain(taker),
        "userAddRate": fees.plain(maker),
        "userSpotCrossRate": fees.SPOT_TIERS[0][0],
        "userSpotAddRate": fees.SPOT_TIERS[0][1],
        "activeReferralDiscount": "0.0",
        "trial": None,
        "feeTrialEscrow": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": "0.0"},
    }


def user_role(floor: Floor, address: str) -> Json:
    """Return ``userRole``."""
    agent = floor.state.agents.get(address)
    if agent is not None and agents.is_valid(agent, floor.state.time):
        return {"role": "agent", "data": {"user": agent.master}}
    account = floor.state.accounts.get(address)
    if account is None:
        return {"role": "missing"}
    if account.master is not None:
        return {"role": "subAccount", "data": {"master": account.master}}
    return {"role": "user"}


def extra_agents(floor: Floor, account: Account) -> list[Json]:
    """Return ``extraAgents``: the named ones."""
    named = [(key, a) for key, a in agents.agents_of(floor, account).items() if a.name]
    return [_agent(key, agent) for key, agent in named]


def sub_accounts(floor: Floor, account: Account) -> list[Json] | None:
    """Return ``subAccounts``; null where there are none."""
    found = [
        {
            "name": sub.name,
            "subAccountUser": sub.address,
            "master": account.address,
            "clearinghouseState": clearinghouse_state(floor, sub, 0),
            "spotState": spot_state(floor, sub),
        }
        for sub in agents.sub_accounts(floor, account)
    ]
    return found or None


def portfolio(floor: Floor, account: Account) -> list[list[object]]:
    """Return ``portfolio``: worth and PnL hour by hour, and now."""
    dexs = range(len(floor.universe.spec.dexs))
    value = sum(margin.total(floor, account, dex).value for dex in dexs)
    rows = [*account.history, (floor.state.time, value, value - account.deposited)]
    found: list[list[object]] = []
    for prefix in ("", "perp"):
        for name, span in PERIODS.items():
            recent = [row for row in rows if row[0] >= floor.state.time - span]
            first_pnl = recent[0][2]
            body = {
                "accountValueHistory": [[time, usd(worth)] for time, worth, _ in recent],
                "pnlHistory": [[time, usd(pnl - first_pnl)] for time, _, pnl in recent],
                "vlm": usd(_volume(account, floor.day(), span)),
            }
            found.append([prefix + (name[0].upper() + name[1:] if prefix else name), body])
    return found


def referral(account: Account) -> Json:
    """Return ``referral``: nobody is referred here."""
    return {
        "referredBy": None,
        "cumVlm": limits.user_rate_limit(account)["cumVlm"],
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": "0.0",
        "referrerState": None,
        "rewardHistory": [],
    }


def _summary(totals: Totals) -> Json:
    return {
        "accountValue": usd(totals.value),
        "totalNtlPos": usd(totals.ntl),
        "totalRawUsd": usd(totals.raw),
        "totalMarginUsed": usd(totals.used),
    }


def _position(
    floor: Floor, account: Account, asset: Asset, position: Position, cross: Totals
) -> Json:
    mark, lots = floor.market(asset).mark, position.lots
    setting = margin.leverage_of(account, asset)
    worth = abs(lots) * mark
    value, others, used = cross.value, cross.maintenance, worth // setting.value
    if position.raw is None:
        others -= margin.maintenance(asset, worth)
    else:
        value, others = position.raw + lots * mark, 0
        used = value
    at = margin.liquidation_px(asset, lots, mark, value, others)
    pnl = lots * mark - (position.cost if lots > 0 else -position.cost)
    return {
        "coin": asset.coin,
        "szi": text(lots, asset.sz_decimals),
        "leverage": _leverage(setting, position),
        "entryPx": text(position.cost // abs(lots), asset.px_decimals),  # cut, not rounded
        "positionValue": usd(worth),
        "unrealizedPnl": usd(pnl),
        "returnOnEquity": text(
            nearest(pnl * setting.value * 10**PRINTED, max(1, position.cost)), PRINTED
        ),
        "liquidationPx": None if at is None else text(at, PRINTED),
        "marginUsed": usd(used),
        "maxLeverage": asset.spec.max_leverage,
        "cumFunding": {
            "allTime": usd(position.funding_all),
            "sinceOpen": usd(position.funding_open),
            "sinceChange": usd(position.funding_change),
        },
    }


def _leverage(setting: Leverage, position: Position | None) -> Json:
    shape: Json = {"type": "cross" if setting.cross else "isolated", "value": setting.value}
    if position is not None and position.raw is not None:
        shape["rawUsd"] = usd(position.raw)
    return shape


def _agent(key: str, agent: Agent) -> Json:
    return {"name": agent.name, "address": key, "validUntil": agent.valid_until}


def _volume(account: Account, today: int, span: int) -> int:
    """Return the volume of a period, of the days that are remembered."""
    if span == PERIODS["allTime"]:
        return account.cum_volume
    days = range(today - span // DAY_MS + 1, today + 1)
    return sum(sum(account.daily.get(day, ())) for day in days)
