import pytest

from engine.onboarding.stages import (
    MOVES,
    STAGES,
    TRIGGERS,
    IllegalMoveError,
    decisions,
    engine_mode,
    fraction,
    live_fraction,
    moves,
    needs_person,
    next_move,
    raises_capital,
    run_id,
)

# The procedure's table, written down a second time: stage -> trigger -> where it leads.
TABLE = {
    "viability": {"PASS": "derive", "PAPER_ONLY": "derive", "FAIL": "rejected"},
    "derive": {"PASS": "paper", "FAIL": "rejected"},
    "paper": {"PASS": "validation", "FAIL": "stopped", "KILL": "stopped"},
    "validation": {"PASS": "prelive", "FAIL": "stopped", "KILL": "stopped"},
    "prelive": {
        "approve": "ramp_25",
        "reject": "rejected",
        "hold": "prelive",
        "FAIL": "stopped",
        "KILL": "stopped",
    },
    "ramp_25": {"PASS": "ramp_50", "PAPER": "paper", "KILL": "halted"},
    "ramp_50": {"PASS": "ramp_75", "STEP_DOWN": "ramp_25", "PAPER": "paper", "KILL": "halted"},
    "ramp_75": {"PASS": "ramp_100", "STEP_DOWN": "ramp_50", "PAPER": "paper", "KILL": "halted"},
    "ramp_100": {"STEP_DOWN": "ramp_75", "PAPER": "paper", "KILL": "halted"},
    "rejected": {},
    "stopped": {"retune": "derive", "extend": "validation", "drop": "rejected"},
    "halted": {"rearm": "paper", "drop": "rejected"},
}


@pytest.mark.parametrize("trigger", [*TRIGGERS, "NOT_YET", "NO_DATA", "ERROR", ""])
@pytest.mark.parametrize("stage", STAGES)
def test_every_pair_moves_as_the_table_says_or_is_refused_by_name(stage, trigger):
    expected = TABLE[stage].get(trigger)
    assert moves(stage, trigger) == (expected is not None)
    if expected is not None:
        assert next_move(stage, trigger).to == expected
        return
    with pytest.raises(IllegalMoveError, match=f"'{trigger}'.*'{stage}'"):
        next_move(stage, trigger)


def test_only_retuning_rearming_and_coming_back_to_paper_begin_a_new_attempt():
    assert {key for key, move in MOVES.items() if move.new_attempt} == {
        *((stage, "PAPER") for stage in ("ramp_25", "ramp_50", "ramp_75", "ramp_100")),
        ("stopped", "retune"),
        ("halted", "rearm"),
    }


def test_no_phase_of_the_ramp_is_skipped_upwards():
    ramp = ["prelive", "ramp_25", "ramp_50", "ramp_75", "ramp_100"]
    for (stage, _), move in MOVES.items():
        if move.to in ramp[1:] and stage in ramp:
            assert ramp.index(move.to) <= ramp.index(stage) + 1
        assert stage in ramp or move.to not in ramp[1:]


def test_capital_rises_with_an_approval_or_a_pass_and_falls_by_everything_else():
    rises = {key for key, move in MOVES.items() if raises_capital(key[0], move.to)}
    assert rises == {("prelive", "approve")} | {
        (stage, "PASS") for stage in ("ramp_25", "ramp_50", "ramp_75")
    }
    falls = {t for (s, t), move in MOVES.items() if live_fraction(move.to) < live_fraction(s)}
    assert falls == {"STEP_DOWN", "PAPER", "KILL"}


def test_an_asset_on_paper_only_never_leaves_validation_upwards():
    assert next_move("derive", "PASS", paper_only=True).to == "paper"
    assert next_move("validation", "FAIL", paper_only=True).to == "stopped"
    assert not moves("validation", "PASS", paper_only=True)
    with pytest.raises(IllegalMoveError, match="its viability allows paper only"):
        next_move("validation", "PASS", paper_only=True)


def test_engines_trade_on_paper_then_live_with_the_ramps_fraction():
    trading = {s: (engine_mode(s), fraction(s)) for s in STAGES if engine_mode(s)}
    assert trading == {
        "paper": ("paper", 1.0),
        "validation": ("paper", 1.0),
        "prelive": ("paper", 1.0),
        "ramp_25": ("live", 0.25),
        "ramp_50": ("live", 0.5),
        "ramp_75": ("live", 0.75),
        "ramp_100": ("live", 1.0),
    }
    assert fraction("halted") == 0.0


def test_a_person_is_asked_where_decisions_are_open_and_nowhere_else():
    assert {s: decisions(s) for s in STAGES if needs_person(s)} == {
        "prelive": ("approve", "reject", "hold"),
        "stopped": ("retune", "extend", "drop"),
        "halted": ("rearm", "drop"),
    }


def test_a_run_is_named_by_asset_attempt_stage_and_version():
    assert run_id("HYPE", 2, "paper", 9) == "hype-a2-paper-v9"
    assert run_id("hyna:BTC", 1, "ramp_100", 12) == "hyna-btc-a1-ramp_100-v12"
