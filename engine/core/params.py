"""The maker's parameters as a record: a `MakerConfig` in the kernel's units."""

import math
from typing import Any

from engine.config import MakerConfig
from engine.core.q_table import asset_hash
from engine.instrument import Instrument, new_instrument
from engine.record import f8, i8, record, zeros

NS_PER_S = 1_000_000_000


@record
class Params:
    """Relative quantities are fractions of the price, times are ns."""

    instrument: Instrument
    capital_usd: f8  # of this phase
    max_position: f8  # coins
    liquidity: f8  # coins resting on one side
    levels: i8
    gamma: f8
    kappa_prior: f8
    kappa_prior_fills: f8
    intensity_prior_per_s: f8
    maker_fee: f8
    half_spread_floor: f8
    max_diff: f8
    requote_ns: i8
    stale_ns: i8
    kill_fraction: f8
    ramp_ns: i8
    ramp_start: f8
    sample_ns: i8
    asset_hash: i8
    risk_model_blend: f8
    monopolist_pricing: i8
    has_reference: i8  # a leading venue's feed is configured
    rl_enabled: i8
    rl_shadow: i8
    learning_fills_per_h: f8
    learning_share: f8
    request_grant: f8
    oi_cap_usd: f8  # infinite where there is none
    max_leverage: f8


def new_params(config: MakerConfig, *, fraction: float = 1.0, sample_s: float = 1.0) -> Any:
    """Return one `Params` record for a share of the configured capital.

    Parameters
    ----------
    config : what `derive` made of the asset
    fraction : share of the capital this phase may use, 0 < fraction <= 1
    sample_s : how often a sample of quote and equity is kept [s]

    Raises
    ------
    ValueError
        if `fraction` or `sample_s` is out of range.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must be above 0 and at most 1, was {fraction}")
    if not sample_s >= 1:
        raise ValueError(f"sample_s must be at least 1 second, was {sample_s}")
    p = zeros(Params)[0]
    p.instrument = new_instrument(config.sz_decimals, config.min_notional_usd)
    p.capital_usd = config.capital_usd * fraction
    p.max_position = config.max_position * fraction
    p.liquidity = config.target_liquidity * fraction
    p.levels = config.levels
    p.gamma = config.gamma
    p.kappa_prior = config.kappa_prior
    p.kappa_prior_fills = config.kappa_prior_fills
    p.intensity_prior_per_s = config.intensity_prior_per_s
    p.maker_fee = config.maker_fee_bps * 1e-4
    p.half_spread_floor = config.half_spread_floor_bps * 1e-4
    p.max_diff = config.max_bps_diff * 1e-4
    p.requote_ns = config.requote_interval_ms * 1_000_000
    p.stale_ns = int(config.stale_after_s * NS_PER_S)
    p.kill_fraction = config.kill_fraction
    p.ramp_ns = int(config.session_ramp_s * NS_PER_S)
    p.ramp_start = config.session_ramp_start
    p.sample_ns = int(sample_s * NS_PER_S)
    p.asset_hash = asset_hash(config.asset)
    p.risk_model_blend = config.risk_model_blend
    p.monopolist_pricing = config.monopolist_pricing
    p.has_reference = config.signals is not None
    p.rl_enabled = config.rl_enabled
    p.rl_shadow = config.rl_shadow
    p.learning_fills_per_h = config.learning_fills_per_h
    p.learning_share = config.learning_share
    p.request_grant = config.request_grant
    p.oi_cap_usd = math.inf if config.oi_cap_usd is None else config.oi_cap_usd
    p.max_leverage = config.max_leverage
    return p
