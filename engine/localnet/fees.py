"""What a fill costs: tiers by volume, scale of a builder dex, growth mode, maker rebates.

References
----------
Hyperliquid documentation, "Fees", read in September 2026: 14-day volume of master and sub-accounts,
counted by UTC day; the formula for builder dexs is the documentation's own code.
"""

import datetime
from decimal import Decimal

from engine.localnet.floor import Floor
from engine.localnet.state import Account, Json
from engine.localnet.universe import Asset

DAYS = 14
MILLION = 10**12  # micro-dollars
# above this 14-day volume [micro-USD]: taker, maker
TIERS = (
    (0, Decimal("0.00045"), Decimal("0.00015")),
    (5 * MILLION, Decimal("0.0004"), Decimal("0.00012")),
    (25 * MILLION, Decimal("0.00035"), Decimal("0.00008")),
    (100 * MILLION, Decimal("0.0003"), Decimal("0.00004")),
    (500 * MILLION, Decimal("0.00028"), Decimal(0)),
    (2_000 * MILLION, Decimal("0.00026"), Decimal(0)),
    (7_000 * MILLION, Decimal("0.00024"), Decimal(0)),
)
SPOT_TIERS = (
    ("0.0007", "0.0004"),
    ("0.0006", "0.0003"),
    ("0.0005", "0.0002"),
    ("0.0004", "0.0001"),
    ("0.00035", "0.0"),
    ("0.0003", "0.0"),
    ("0.00025", "0.0"),
)
# above this share of the exchange's maker volume: maker rate
REBATES = (
    (Decimal("0.005"), Decimal("-0.00001")),
    (Decimal("0.015"), Decimal("-0.00002")),
    (Decimal("0.03"), Decimal("-0.00003")),
)
GROWTH = Decimal("0.1")
EPOCH = datetime.date(1970, 1, 1)


def rates(floor: Floor, account: Account) -> tuple[Decimal, Decimal]:
    """Return the account's taker and maker rates on the main dex."""
    days = range(floor.day() - DAYS, floor.day())
    taken = made = 0
    for member in family(floor, account):
        taken += sum(member.daily[day][0] for day in days if day in member.daily)
        made += sum(member.daily[day][1] for day in days if day in member.daily)
    _, taker, maker = next(
        tier for tier in reversed(TIERS) if tier[0] == 0 or taken + made > tier[0]
    )
    exchange = sum(floor.state.volume.get(day, 0) for day in days)
    for share, rebate in REBATES:
        if exchange and Decimal(made) / exchange > share:
            maker = rebate
    return taker, maker


def family(floor: Floor, account: Account) -> list[Account]:
    """Return an account's master and all its sub-accounts: their volume counts together."""
    head = account.master or account.address
    return [a for a in floor.state.accounts.values() if head in (a.address, a.master)]


def rate_on(asset: Asset, base: Decimal, *, maker: bool) -> Decimal:
    """Return a rate of the main dex as it is on the asset's dex.

    >>> from engine.localnet.listings import DEFAULT
    >>> from engine.localnet.universe import Universe
    >>> coins = Universe(DEFAULT).by_coin
    >>> [str(rate_on(coins[c], Decimal("0.00045"), maker=False).normalize())
    ...  for c in ("BTC", "xyz:GOLD", "xyz:TSLA")]
    ['0.00045', '0.0009', '0.00009']
    """
    growth = GROWTH if asset.spec.growth else Decimal(1)
    if maker and base < 0:
        return base * growth
    scale = Decimal(1)
    if asset.dex:
        share = asset.spec.fee_scale
        scale = 1 + share if share < 1 else 2 * share
    return base * scale * growth


def fee(ntl: int, rate: Decimal) -> int:
    """Return a fee [micro-USD]: cut toward zero to six decimals, negative for a rebate.

    >>> fee(66_653_000, Decimal("0.00015"))
    9997
    """
    return int(ntl * rate)


def count_volume(floor: Floor, account: Account, asset: Asset, ntl: int, *, maker: bool) -> None:
    """Add a fill to the volumes that fees and request budgets depend on."""
    counted = ntl // 10 if asset.spec.growth else ntl
    account.daily.setdefault(floor.day(), [0, 0])[maker] += counted
    account.cum_volume += counted
    floor.state.volume[floor.day()] = floor.state.volume.get(floor.day(), 0) + (ntl if maker else 0)
    for day in [day for day in account.daily if day < floor.day() - DAYS]:
        del account.daily[day]


def schedule() -> Json:
    """Return the ``feeSchedule`` of ``userFees``."""
    vip = [
        {
            "ntlCutoff": f"{cut // 10**6}.0",
            "cross": plain(taker),
            "add": plain(maker),
            "spotCross": spot[0],
            "spotAdd": spot[1],
        }
        for (cut, taker, maker), spot in zip(TIERS, SPOT_TIERS, strict=True)
    ]
    first = vip.pop(0)
    makers = [{"makerFractionCutoff": plain(share), "add": plain(rate)} for share, rate in REBATES]
    del first["ntlCutoff"]
    return {
        **first,
        "tiers": {"vip": vip, "mm": makers},
        "referralDiscount": "0.04",
        "stakingDiscountTiers": [{"bpsOfMaxSupply": "0.0", "discount": "0.0"}],
    }


def plain(rate: Decimal) -> str:
    """Return a rate as the venue writes it.

    >>> plain(Decimal(0)), plain(Decimal("0.000080"))
    ('0.0', '0.00008')
    """
    written = f"{rate:f}"
    if "." not in written:
        return written + ".0"
    written = written.rstrip("0")
    return written + "0" if written.endswith(".") else written


def date(day: int) -> str:
    """Return a UTC day as a date.

    >>> date(20_000)
    '2024-10-04'
    """
    return (EPOCH + datetime.timedelta(days=day)).isoformat()
