from engine.gates.interpret import interpret
from engine.policy import load_policy

POLICY = load_policy()


def readings(**evidence: float) -> str:
    return " / ".join(interpret(evidence, POLICY))


def test_each_reading_of_the_specification_has_its_trigger():
    assert "captures spread" in readings(pnl_hour_mean=0.1)
    assert "volatile markets" in readings(pnl_hour_mean=-0.1, edge_bps=2.0)
    assert "information asymmetry" in readings(as_rate=0.41)
    assert "spreads too wide" in readings(fill_rate=9.0)
    assert "staleness multiplier" in readings(spread_ratio=2.5)


def test_nothing_is_read_out_of_nothing_or_out_of_good_values():
    assert interpret({}, POLICY) == ()
    assert readings(as_rate=0.2, fill_rate=40.0, spread_ratio=1.0) == ""
    assert readings(pnl_hour_mean=-0.1, edge_bps=-2.0) == ""
