"""What live takes from a paper edge: measured, believed, and asked of the next asset."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks.gate_looks import Looks, looks
from benchmarks.gate_streams import DAY_H, MODERATE, streams
from engine.gates.bounds import Bounds, reach
from engine.gates.haircut import Measured, Normal, haircut, measured_gap, posterior
from engine.policy import load_policy

POLICY = load_policy().paper
PRIOR = Normal(POLICY.haircut_bps, POLICY.haircut_sd_bps)
TAU = POLICY.between_assets.sd_bps
MARKS = np.arange(1, 169) % DAY_H == 0

gaps = st.builds(Normal, st.floats(-20, 20), st.floats(0.05, 10))


def measured(gap, se=0.5, asset="SOL", venue="mainnet", attempt=1):
    told = {"hours": 72, "fills": 900, "paper_run": "p", "live_run": "l", "cause": "c", "ts_ns": 1}
    return Measured(asset=asset, attempt=attempt, venue=venue, gap_bps=gap, se_bps=se, **told)


def several(*gaps_bps, **more):
    return [measured(gap, asset=f"A{i}", **more) for i, gap in enumerate(gaps_bps)]


def bar(ledger, asset="HYPE", venue="mainnet"):
    return haircut(ledger, POLICY, asset, venue).bps


# -- the belief ---------------------------------------------------------------------------------


@given(st.lists(gaps, min_size=1, max_size=8))
def test_the_posterior_lies_between_the_prior_and_the_data_and_is_surer_than_the_prior(known):
    means = [PRIOR.mean_bps, *(gap.mean_bps for gap in known)]
    after = posterior(PRIOR, known, TAU)
    assert min(means) - 1e-9 <= after.mean_bps <= max(means) + 1e-9
    assert 0.0 < after.sd_bps < PRIOR.sd_bps


@given(st.lists(gaps, max_size=8), st.randoms())
def test_the_order_of_measurements_does_not_matter_to_the_last_bit(known, random):
    shuffled = random.sample(known, len(known))
    assert posterior(PRIOR, shuffled, TAU) == posterior(PRIOR, known, TAU)


@given(st.lists(gaps, min_size=1, max_size=8), st.floats(0, 20))
def test_a_larger_gap_never_lowers_the_belief(known, by):
    first, *rest = known
    raised = [Normal(first.mean_bps + by, first.sd_bps), *rest]
    assert posterior(PRIOR, raised, TAU).mean_bps >= posterior(PRIOR, known, TAU).mean_bps - 1e-9


def test_without_measurements_the_belief_is_the_prior():
    assert posterior(PRIOR, [], TAU) == pytest.approx(PRIOR)


def test_one_asset_however_well_it_is_known_makes_the_next_ones_gap_no_certainty():
    exact = posterior(PRIOR, [Normal(6.0, 1e-6)], TAU)
    assert exact.sd_bps > 0.75 * PRIOR.sd_bps
    assert exact.mean_bps < 4.0


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_gap_that_is_not_finite_is_refused(broken):
    with pytest.raises(ValueError, match=r"gap mean is .*; it must be finite"):
        posterior(PRIOR, [Normal(broken, 1.0)], TAU)
    with pytest.raises(ValidationError, match="gap_bps"):
        measured(broken)


@pytest.mark.parametrize("broken", [math.nan, math.inf, 0.0, -0.5])
def test_an_error_that_is_not_finite_and_positive_is_refused(broken):
    with pytest.raises(ValueError, match=r"gap sd is .*; it must be finite and > 0"):
        posterior(PRIOR, [Normal(2.0, broken)], TAU)
    with pytest.raises(ValueError, match="prior sd is"):
        posterior(Normal(2.3, broken), [], TAU)
    with pytest.raises(ValueError, match="between_sd_bps is"):
        posterior(PRIOR, [], broken)
    with pytest.raises(ValidationError, match="se_bps"):
        measured(2.0, broken)


def covered(n, between, believed, draws=3000, seed=8):
    """Shares of worlds whose mean gap, and whose next asset's gap, lie in their 95 % intervals."""
    rng = np.random.default_rng(seed)
    mean = next_one = 0
    for _ in range(draws):
        mu = rng.normal(*PRIOR)
        errors = rng.uniform(0.3, 1.5, n)
        shown = rng.normal(rng.normal(mu, between, n), errors)
        after = posterior(PRIOR, map(Normal, shown, errors), believed)
        mean += abs(mu - after.mean_bps) < 1.96 * after.sd_bps
        far = 1.96 * math.hypot(after.sd_bps, believed)
        next_one += abs(rng.normal(mu, between) - after.mean_bps) < far
    return mean / draws, next_one / draws


@pytest.mark.parametrize("n", [0, 1, 3, 10])
def test_the_interval_holds_when_gaps_really_differ_by_asset(n):
    assert covered(n, TAU, TAU) == pytest.approx((0.95, 0.95), abs=0.015)


def test_who_takes_one_asset_for_all_is_sure_and_wrong():
    mean, next_one = covered(3, TAU, 1e-3)
    assert mean < 0.85 and next_one < 0.6


# -- the bar ------------------------------------------------------------------------------------


def test_without_a_measurement_the_bar_is_the_procedures():
    for asset in ("HYPE", "hyna:BTC"):
        found = haircut([], POLICY, asset, "mainnet")
        assert (found.bps, found.assets, found.own) == (2.3, 0, None)
        assert found.words == "2.3 measured on 0 assets: the prior, until there are 3"


def test_one_larger_gap_raises_the_bar_at_once():
    found = haircut([measured(5.0)], POLICY, "HYPE", "mainnet")
    assert 2.8 < found.bps < 3.5
    assert found.words.startswith(f"{found.bps:g} measured on 1 asset: what they show (prior 2.3")


def test_smaller_gaps_lower_the_bar_from_the_third_asset_on():
    assert [bar(several(*[0.5] * n)) for n in range(3)] == [2.3, 2.3, 2.3]
    assert bar(several(0.5, 0.5, 0.5)) < 1.6
    assert bar([measured(0.5, attempt=k) for k in (1, 2, 3)]) == 2.3  # one asset, tried three times


@given(st.lists(gaps, max_size=7))
def test_the_bar_never_falls_below_what_three_assets_support(shown):
    ledger = [measured(*one, f"A{i}") for i, one in enumerate(shown)]
    believed = posterior(PRIOR, shown, TAU).mean_bps
    assert bar(ledger) >= max(0.0, believed) - 0.005
    if len(shown) < 3:
        assert bar(ledger) >= 2.3


def test_live_that_earns_more_than_paper_is_no_credit():
    found = haircut(several(-9.0, -9.0, -9.0, -9.0), POLICY, "HYPE", "mainnet")
    assert found.bps == 0.0 and "no credit" in found.why


def test_an_asset_that_has_shown_a_larger_gap_itself_is_held_to_it():
    ledger = several(1.0, 1.0, 1.0, 6.0)
    own = haircut(ledger, POLICY, "A3", "mainnet")
    assert own.why == "its own gap" and own.own is not None
    assert bar(ledger) < own.bps < 6.0
    assert "its own 5." in own.words
    assert bar(ledger, "A0") == bar(ledger)  # a small gap of its own is no excuse


def test_the_attempts_of_an_asset_are_one_asset():
    once, twice = measured(4.0, 0.4), measured(4.0, 0.4, attempt=2)
    both = haircut([once, twice], POLICY, "HYPE", "mainnet")
    surer = haircut([measured(4.0, 0.4 / math.sqrt(2))], POLICY, "HYPE", "mainnet")
    assert (both.assets, both.learnt) == (1, pytest.approx(surer.learnt))


@pytest.mark.parametrize("venue", ["sim", "tape", "testnet", "http://127.0.0.1:3001"])
def test_what_another_venue_shows_never_moves_a_real_venues_bar(venue):
    ledger = several(0.1, 0.1, 0.1, 9.0, venue=venue)
    assert bar(ledger) == 2.3
    assert bar(ledger, "A3") == 2.3
    assert bar(ledger, venue=venue) != 2.3


def test_validator_perps_and_builder_dexes_learn_apart():
    ledger = [measured(7.0, asset=f"hyna:A{i}") for i in range(4)]
    assert bar(ledger) == 2.3
    assert bar(ledger, "hyna:BTC") > 4.0


# -- the measurement ----------------------------------------------------------------------------


def blocks(hours=72, edge=3.0, per_hour=15, first=0, seed=1, shock=None, sd=10.0):
    """Hours of fills of 60 dollars; `shock` is what befell every fill of an hour [bps]."""
    rng = np.random.default_rng(seed)
    n = rng.poisson(per_hour, hours).astype(float)
    shocks = np.zeros(hours) if shock is None else shock
    each = [rng.normal(edge + by, sd, int(k)) for by, k in zip(shocks, n, strict=True)]
    return {
        "hour": np.arange(first, first + hours, dtype=float),
        "markouts": n,
        "notional_usd": 60.0 * n,
        "edge_usd_bps": 60.0 * np.array([e.sum() for e in each]),
        "edge_usd_bps_sq": 3600.0 * np.array([(e**2).sum() for e in each]),
    }


def gap(paper, live, **more) -> Bounds:
    found = measured_gap(paper, live, **more)
    assert found is not None
    return found


def edge_of(b):
    return b["edge_usd_bps"].sum() / b["notional_usd"].sum()


def test_the_gap_is_papers_edge_less_lives_and_their_errors_add():
    paper, live = blocks(96, 6.0), blocks(72, 3.0, first=500, seed=2)
    found = gap(paper, live)
    assert found.value == pytest.approx(edge_of(paper) - edge_of(live))
    alone = [math.sqrt(3) * 10 / math.sqrt(b["markouts"].sum()) for b in (paper, live)]
    assert found.se == pytest.approx(math.hypot(*alone), rel=0.1)
    far = reach(96, alpha=0.025) * alone[0] + reach(72, alpha=0.025) * alone[1]
    assert (found.value - found.lo, found.hi - found.value) == pytest.approx((far, far), rel=0.05)
    assert (found.blocks, found.n) == (72, live["markouts"].sum())
    assert gap(paper, live, alpha=0.2).lo > found.lo


def test_what_the_market_did_to_both_cancels_where_a_shadow_ran_beside():
    shock = np.random.default_rng(9).normal(0, 6, 72)
    runs = [blocks(edge=e, seed=s, shock=shock, sd=2.0) for e, s in ((5.0, 1), (3.0, 2))]
    beside = gap(*runs)
    apart = gap(runs[0], runs[1] | {"hour": runs[1]["hour"] + 1000})
    assert beside.value == pytest.approx(apart.value)
    assert beside.se < 0.4 * apart.se
    assert beside.lo < 2.0 < beside.hi
    assert (beside.blocks, beside.n) == (72, min(b["markouts"].sum() for b in runs))


def test_only_the_hours_both_runs_have_are_compared():
    paper, live = blocks(120, 5.0), blocks(72, 3.0, first=100, seed=2)
    assert measured_gap(paper, live) is None  # 20 hours in common
    live = blocks(72, 3.0, first=60, seed=2)
    inside = {name: column[60:] for name, column in paper.items()}
    assert gap(paper, live).value == pytest.approx(
        edge_of(inside) - edge_of({name: column[:60] for name, column in live.items()})
    )


def test_the_same_run_twice_has_no_gap():
    b = blocks()
    found = gap(b, b)
    assert (found.value, found.lo, found.hi, found.se) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(("paper", "live"), [(23, 72), (72, 23), (0, 72), (72, 0)])
def test_less_than_a_day_on_either_side_has_no_gap(paper, live):
    assert measured_gap(blocks(paper), blocks(live, first=500)) is None


def test_hours_in_which_only_one_of_a_pair_has_fills_are_no_pairs():
    paper, live = blocks(seed=1), blocks(seed=2)
    idle = np.arange(72) % 2 == 0
    for b, hours in ((paper, idle), (live, ~idle)):
        for name in b.keys() - {"hour"}:
            b[name] = np.where(hours, 0.0, b[name])
    assert measured_gap(paper, live) is None


BOTH_WAYS = pytest.mark.parametrize("first", [0, 500], ids=["paired", "apart"])
SUMS = ("markouts", "notional_usd", "edge_usd_bps", "edge_usd_bps_sq")


@BOTH_WAYS
@pytest.mark.parametrize("side", ["paper", "live"])
@pytest.mark.parametrize("column", SUMS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_an_hour_that_is_not_finite_is_refused_by_name(first, side, column, value):
    runs = {"paper": blocks(), "live": blocks(first=first, seed=2)}
    runs[side][column][5] = value
    with pytest.raises(ValueError, match=f"{side} {column} is .* in block 5"):
        measured_gap(**runs)


@BOTH_WAYS
@pytest.mark.parametrize("column", ["notional_usd", "edge_usd_bps_sq"])
def test_an_hour_of_negative_weight_is_refused(first, column):
    runs = blocks(), blocks(first=first, seed=2)
    runs[1][column][5] = -1.0
    with pytest.raises(ValueError, match=r"is -.* in block 5; it must be >= 0"):
        measured_gap(*runs)


@pytest.mark.parametrize("hours", [[0, 1, 1], [0, 2, 1]])
def test_an_hour_told_twice_or_out_of_order_is_refused(hours):
    b = {name: column[:3] for name, column in blocks().items()} | {"hour": np.array(hours)}
    with pytest.raises(ValueError, match="live hours must rise"):
        measured_gap(blocks(), b)


LOOKS_H = (30, 48, 72, 96)


def test_bounds_of_the_gap_hold_at_every_look_at_edges_that_wander():
    tried = 150
    fills = streams(np.random.default_rng(5), MODERATE, paths=2 * tried, hours=LOOKS_H[-1])
    missed = 0
    for pair in range(tried):
        runs = [_path(fills, 2 * pair + side, first=500 * side) for side in (0, 1)]
        missed += _ever_misses(runs, 0.0)
    assert missed / tried <= 0.06  # either side, each meant to miss at most 5 %


def test_bounds_of_a_pair_hold_at_every_look_when_both_meet_the_same_market():
    missed, tried, rng = 0, 100, np.random.default_rng(6)
    for pair in range(tried):
        shock = rng.normal(0, 4, LOOKS_H[-1])
        told = {"hours": LOOKS_H[-1], "shock": shock, "sd": 3.0}
        runs = [blocks(edge=e, seed=2 * pair + i, **told) for i, e in enumerate((4.0, 2.5))]
        missed += _ever_misses(runs, 1.5)
    assert missed / tried <= 0.06


def _path(fills, path, first):
    x, n, x2 = (column[path] for column in fills)
    sums = dict(zip(SUMS, (n, n, x, x2), strict=True))
    return sums | {"hour": first + np.arange(float(len(n)))}


def _ever_misses(runs, truth):
    for hours in LOOKS_H:
        found = gap(*({name: column[:hours] for name, column in run.items()} for run in runs))
        if not found.lo <= truth <= found.hi:
            return True
    return False


# -- the gate, asset after asset ----------------------------------------------------------------


def onboarded(seed: int, assets: int = 60):
    """Try asset after asset, each with a gap of its own, against the bar its forerunners set.

    Gaps are those of 2 to 5 bps less the 2 that pessimistic fills leave out. Yields live edge,
    whether it went live, and the bar it met.
    """
    rng = np.random.default_rng(seed)
    paper, live = (looks(*streams(rng, MODERATE, paths=assets, hours=hours)) for hours in (168, 72))
    gaps_bps = rng.uniform(0.0, 3.0, assets)
    edges, lows = rng.choice([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0], assets), paper.lo()
    ledger = []
    for i, (edge, gap_bps) in enumerate(zip(edges, gaps_bps, strict=True)):
        asked = bar(ledger, f"A{i}")
        passes = (lows[i] + edge + gap_bps > asked) & MARKS
        if passes.any():
            ledger.append(_shown(i, gap_bps, paper, int(passes.argmax()), live))
        yield edge, bool(passes.any()), asked


def _shown(i, gap_bps, paper: Looks, t, live: Looks):
    flattered = paper.value[i, t] - live.value[i, -1]
    se = math.hypot(paper.se[i, t], live.se[i, -1])
    return measured(gap_bps + flattered, se, f"A{i}")


def test_an_asset_that_loses_live_never_passes_whatever_the_bar_has_learnt():
    sent: dict[float, list[bool]] = {}
    bars = []
    for seed in range(15):
        for edge, went_live, asked in onboarded(seed):
            sent.setdefault(edge, []).append(went_live)
            bars.append(asked)
    assert min(len(one) for one in sent.values()) > 100
    share = {edge: np.mean(one) for edge, one in sent.items()}
    assert share[-2.0] == share[-1.0] == 0.0
    assert share[0.0] < 0.08 < share[1.0] < share[2.0] < share[3.0]
    assert share[3.0] > 0.85
    assert min(bars) >= 1.4  # what paper flatters on average is 1.5


def test_the_order_of_a_ledger_does_not_move_the_bar():
    ledger = several(0.3, 4.1, 2.2, 3.3)
    assert len({bar(list(order)) for order in permutations(ledger)}) == 1
