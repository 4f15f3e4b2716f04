"""policy/profiles.toml: the three spread profiles."""

from engine.thresholds.rows import NonNegative, Positive, Row, Share, Table


class Profile(Row):
    """One spread profile: what an order costs and how much of the position it may be."""

    target_spread_bps: tuple[Positive, Positive]
    gamma: Positive
    sizing_fraction: Share
    kappa_prior: Positive
    kappa_prior_builder: Positive  # the same on a builder dex
    kappa_prior_fills: Positive
    intensity_prior_per_s: Positive
    half_spread_floor_bps: NonNegative
    use_for: str


class ProfilesPolicy(Table):
    """policy/profiles.toml."""

    default: Profile
    hip3: Profile
    aggressive: Profile
