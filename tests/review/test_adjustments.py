import pytest

from engine.policy import load_policy
from engine.review.adjustments import Limits, adjustments
from engine.review.intervals import Estimate
from engine.review.scorecard import Attribution, Quoting, Scorecard

LIMITS = Limits(
    adjust=load_policy().monitor.adjust,
    fill_rate_minimum=10.0,
    capital_usd=1000.0,
    kill_fraction=0.05,
)


def estimate(lo, value, hi):
    return Estimate(value=value, lo=lo, hi=hi, n=100, blocks=24)


def quoting(**values):
    usual = {
        "hours": 24.0, "quoted_hours": 20.0, "fill_rate": estimate(18.0, 20.0, 22.0),
        "adverse_null": 0.1, "drawdown_usd": 10.0, "kappa": 1500.0, "kappa_confidence": 0.4,
        "spread_ratio": 2.5,
    }  # fmt: skip
    return Quoting(**usual | values)


def money(adverse, inventory):
    rest = 10.0 + adverse + inventory - 2.0
    return Attribution(
        spread_usd=10.0, adverse_usd=adverse, inventory_usd=inventory, fees_usd=-2.0,
        funding_usd=0.0, equity_usd=rest, closes_to_usd=0.0,
    )  # fmt: skip


def judged(**values):
    usual = {
        "run": "r", "asset": "HYPE", "mode": "paper", "from_ns": 0, "until_ns": 1, "fills": 100,
        "kills": 0, "quoting": quoting(), "forecasts": None, "edge_bps": estimate(1.0, 2.0, 3.0),
        "edge_60_bps": None, "edge_300_bps": None, "forecast_gap_bps": None, "edge_by_hour": (),
        "adverse_rate": None, "signals": (), "attribution": money(-3.0, -1.0),
    }  # fmt: skip
    return adjustments(Scorecard(**usual | values), LIMITS)


def test_a_good_day_changes_nothing():
    answers = judged()
    assert [one.about for one in answers] == ["edge", "fill rate", "gamma and kill switch"]
    assert [one.proposal for one in answers] == [None, None, None]
    assert answers[0].finding == "positive: 2 [1, 3] bps over 100 fills"
    assert answers[2].finding == "worst drawdown $10.00, 20% of what trips the kill switch"


@pytest.mark.parametrize(
    ("edge", "word", "acts"),
    [
        (estimate(-3.0, -2.0, -0.1), "negative", True),
        (estimate(-3.0, -2.0, 0.1), "not distinguishable from zero", False),
        (estimate(0.1, 1.0, 2.0), "positive", False),
    ],
)
def test_only_an_edge_that_is_wholly_negative_widens(edge, word, acts):
    answer = judged(edge_bps=edge)[0]
    assert answer.finding.startswith(word)
    assert (answer.proposal is not None) == acts


def test_an_edge_without_an_interval_says_that_it_is_too_early():
    early = Estimate(value=-5.0, n=3, blocks=1)
    answer = judged(edge_bps=early)[0]
    assert answer.finding == "-5 bps over 3 fills: too few hours to say more"
    assert answer.proposal is None
    assert judged(edge_bps=None)[0].finding.startswith("no data")


@pytest.mark.parametrize(
    ("rate", "word"),
    [
        (estimate(4.0, 6.0, 8.0), "too low"),
        (estimate(4.0, 9.0, 12.0), "perhaps too low"),
        (estimate(8.0, 10.0, 12.0), "enough"),
    ],
)
def test_a_fill_rate_is_too_low_where_its_whole_interval_is(rate, word):
    answer = judged(quoting=quoting(fill_rate=rate))[1]
    assert answer.finding.startswith(f"{word}: ")
    expected = "check the kappa estimate (1,500, confidence 40%); our spread is 2.5x the market's; "
    if word == "too low":
        assert answer.proposal == expected + "it may need to be tighter"
    else:
        assert answer.proposal is None


def test_without_quoting_there_is_nothing_to_say_of_fills_or_risk():
    answers = judged(quoting=None)
    assert answers[1].finding.startswith("no data") and answers[2].finding == "no data"
    assert judged(quoting=quoting(fill_rate=None))[1].finding.startswith("no data")


def test_a_cost_that_eats_the_spread_raises_gamma():
    assert judged(attribution=money(-6.0, -1.0))[2].proposal == (
        "raise gamma: adverse selection took 60% of the spread captured"
    )
    assert judged(attribution=money(-1.0, -7.0))[2].proposal == (
        "raise gamma: inventory took 70% of the spread captured"
    )
    assert judged(attribution=None)[2].proposal is None


def test_a_kill_switch_that_tripped_or_nearly_did_is_never_loosened():
    near = judged(quoting=quoting(drawdown_usd=30.0))[2]  # of the 50 that trip it
    assert near.proposal == "raise gamma or trade less; the tier stays where it is"
    tripped = judged(kills=1)[2]
    assert tripped.proposal == "find the cause of the trip; the tier stays where it is"
    assert "it has tripped (times: 1)" in tripped.finding
