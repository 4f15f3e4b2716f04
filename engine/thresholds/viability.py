"""policy/viability.toml: what a market must be worth before anything is tried."""

from engine.thresholds.gate import GatePolicy
from engine.thresholds.rows import Number, Row, Table


class EconomicsPolicy(Table):
    """What a market must promise from its own data, and the suppositions of that calculation."""

    gate: GatePolicy
    target_margin_bps: Number
    inventory_orders: Number
    funding_bps_per_h: Number
    profit_days: Number
    infra_usd_per_day: Number
    tail_share: Number


class ViabilityPolicy(Table):
    """policy/viability.toml."""

    gate: GatePolicy
    economics: EconomicsPolicy
    no_pair_volume_usd: Number
    oi_headroom_capitals: Number
    binance_pair: Row
