"""From an engine's spool to a card, every figure worked out by hand beside it."""

import pytest

from engine.policy import load_policy
from engine.review.scorecard import SIGNALS, Scorecard
from engine.runners.day_review import DayReview, review_day

HOUR_NS = 3_600_000_000_000
BEGAN_NS = 1_767_225_600_000_000_000
POLICY = load_policy()


def review(home, asset: str, day: str | None = None) -> DayReview:
    return review_day(home, asset, POLICY, day)


@pytest.fixture
def card(home, write) -> Scorecard:
    """A whole day."""
    write(24)
    return review(home, "HYPE").card


def bounds(one):
    return pytest.approx(one.lo), pytest.approx(one.value), pytest.approx(one.hi)


def test_the_card_is_of_the_last_day_up_to_its_last_instant(card):
    assert (card.run, card.asset, card.mode) == ("hype-a1-paper-v3", "HYPE", "paper")
    assert (card.from_ns, card.until_ns) == (BEGAN_NS, BEGAN_NS + 24 * HOUR_NS)
    assert (card.fills, card.kills) == (144, 0)


def test_the_classifier_is_held_against_what_came(card):
    said = card.forecasts
    assert (said.n, said.base_rate) == (144, 0.5)
    assert said.score.brier == pytest.approx(0.04)  # 0.8 when it came, 0.2 when it did not
    assert said.score.reliability == pytest.approx(0.04)
    assert (said.score.resolution, said.score.uncertainty) == (0.25, 0.25)
    assert bounds(said.skill) == (0.84, 0.84, 0.84)  # 1 - 0.04/0.25 in every hour
    assert said.information.value == 1.0
    assert said.information.informs
    assert [(row.bin, row.n, row.observed) for row in said.curve] == [(2, 72, 0.0), (8, 72, 1.0)]


def test_edge_is_what_the_markouts_left_after_the_fee(card):
    assert bounds(card.edge_bps) == (2.0, 2.0, 2.0)  # the mean of 1 and 6, less 1.5
    assert (card.edge_bps.n, card.edge_bps.blocks) == (144, 24)
    assert card.edge_60_bps.value == pytest.approx(1.0)
    assert card.edge_300_bps is None
    assert card.forecast_gap_bps.value == pytest.approx(1.0)  # 2 earned, 1 expected
    assert [row.hour for row in card.edge_by_hour] == list(range(24))
    assert [row.edge_bps.value for row in card.edge_by_hour] == pytest.approx([2.0] * 24)
    assert card.adverse_rate.value == 0.5
    assert card.quoting.adverse_null == pytest.approx(0.1)


def test_quoting_is_counted_by_the_quoted_hour(card):
    assert (card.quoting.hours, card.quoting.quoted_hours) == (24.0, 12.0)
    assert card.quoting.fill_rate.value == pytest.approx(12.0)  # 144 orders in 12 quoted hours
    assert card.quoting.drawdown_usd == 0.0


def test_the_money_closes_on_the_change_of_equity(card):
    money = card.attribution
    assert money.equity_usd == pytest.approx(14.4)
    assert (money.spread_usd, money.fees_usd) == (pytest.approx(57.6), pytest.approx(-8.64))
    assert abs(money.closes_to_usd) < 1e-9


def test_a_signal_is_told_from_noise_silence_and_absence(card):
    signals = {one.signal: one for one in card.signals}
    assert list(signals) == list(SIGNALS)
    assert signals["micro"].information.bits == pytest.approx(0.5, abs=0.1)  # half its variance
    assert "bits a sample" in signals["micro"].words
    assert signals["flow"].information.n == 1439  # the last has no move after it
    assert "not distinguishable from zero" in signals["flow"].words
    assert signals["lead"].information is None
    assert signals["cross"].information is None
    assert signals["micro"].decay is None  # one day is no trend


def test_a_later_day_starts_from_the_sample_before_it(home, write):
    write(30)
    card = review(home, "HYPE").card
    assert card.from_ns == BEGAN_NS + 24 * HOUR_NS
    assert (card.fills, card.quoting.hours) == (36, 6.0)
    assert card.quoting.fill_rate.value == pytest.approx(12.0)
    assert card.attribution.equity_usd == pytest.approx(3.6)
    assert len(card.edge_by_hour) == 6
    assert review(home, "HYPE", "2026-01-01").card.fills == 144


def test_five_days_make_a_trend(home, write):
    write(120)
    micro = review(home, "HYPE").card.signals[0]
    assert micro.decay is not None
    assert (micro.decay.days, micro.decay.seen, micro.decay.alarm) == (5, 5, "none")


def test_rows_from_before_the_learning_parts_spoke_are_read_as_no_data(home, write):
    write(24, old=True)
    card, proposed = review(home, "HYPE")
    assert card.edge_bps.value == pytest.approx(2.0)
    assert card.quoting.fill_rate.value == pytest.approx(12.0)
    assert (card.forecasts, card.attribution, card.forecast_gap_bps) == (None, None, None)
    assert {one.information for one in card.signals} == {None}
    assert len(proposed) == 3


def test_a_run_that_has_only_begun_shows_nothing_it_has_not(home, write):
    write(0)
    card, proposed = review(home, "HYPE")
    assert (card.fills, card.quoting, card.edge_bps, card.attribution) == (0, None, None, None)
    assert [one.finding.split(":")[0] for one in proposed] == ["no data"] * 3


def test_the_same_day_gives_the_same_card(home, write, card):
    assert review(home, "HYPE").card == card
    assert Scorecard.model_validate_json(card.model_dump_json()) == card


def test_an_asset_a_day_or_a_date_that_is_not_there_is_refused_by_name(home, write):
    write(1)
    with pytest.raises(ValueError, match="'BTC' has no run yet"):
        review(home, "BTC")
    with pytest.raises(ValueError, match="from 2026-01-01 00:00 to 2026-01-01 01:00, none on it"):
        review(home, "HYPE", "2026-01-03")
    with pytest.raises(ValueError, match=r"YYYY-MM-DD, was 'May'"):
        review(home, "HYPE", "May")


def test_the_kill_switch_is_measured_against_the_capital_of_the_phase(home, write, put_at):
    state = put_at("paper")
    assert state.run == "hype-a1-paper-v3" and state.config is not None
    write(24, kill=True)
    card, (_, _, risk) = review(home, "HYPE")
    assert card.kills == 1
    assert "0% of what trips the kill switch" in risk.finding
    assert risk.proposal is not None and "find the cause" in risk.proposal


def test_a_day_that_lost_at_the_edge_proposes_to_widen(home, write):
    write(24, edge_bps=-4.0)
    result = review(home, "HYPE")
    assert result.card.edge_bps.value == pytest.approx(-2.0)
    edge = result.adjustments[0]
    assert edge.finding.startswith("negative: -2 [-2, -2] bps")
    assert edge.proposal == (
        "widen: raise gamma; check the adverse-selection classifier, "
        "which does beat the base rate (skill 0.84 [0.84, 0.84])"
    )
