import subprocess
import sys

import pytest

from engine.config import AssetSpec
from engine.onboarding import line
from engine.onboarding.causes import UncitedMoveError
from engine.onboarding.line import StoppedLineError
from engine.onboarding.stages import IllegalMoveError
from engine.onboarding.store import OnboardingStore, StaleApprovalError, UnknownAssetError
from engine.store.metrics import Metrics

# Sees the asset where the test says it stands, waits for the word, and tries to move it.
RACER = """
import sys
from pathlib import Path
from engine.onboarding.store import OnboardingStore
from engine.store.home import Home
from engine.store.metrics import Metrics
home = Home(Path(sys.argv[1]))
print("ready", flush=True)
for line in sys.stdin:
    stage, version, cause = line.split()
    with Metrics.open(home, timeout_s=60) as metrics:
        store = OnboardingStore(metrics.con)
        moved = store.move("HYPE", stage, int(version), "PASS", [cause], 7)
    print("moved" if moved else "late", flush=True)
"""


def transitions(con):
    return con.execute("SELECT count(*) FROM transitions").fetchall()[0][0]


def test_enrolling_twice_is_enrolling_once(walk):
    again = walk.store.enroll(AssetSpec(asset="HYPE", capital_usd=1000), 99)
    assert again == walk.state
    assert (again.stage, again.version, again.attempt, again.run) == ("viability", 1, 1, None)
    assert walk.store.all() == [again]
    assert len(walk.store.history("HYPE")) == 1


def test_enrolling_with_another_spec_names_what_differs(walk):
    with pytest.raises(ValueError, match=r"capital_usd is 1000\.0, not 2000\.0"):
        walk.store.enroll(AssetSpec(asset="HYPE", capital_usd=2000), 99)


def test_an_asset_never_enrolled_is_refused(walk):
    with pytest.raises(UnknownAssetError, match="'BTC' is not enrolled"):
        walk.store.get("BTC")


def test_the_whole_way_up_renews_the_run_at_paper_and_each_phase(walk):
    runs = {}
    for trigger in ["PASS", "PASS", "PASS", "PASS", "approve", "PASS", "PASS", "PASS"]:
        state = walk.step(trigger)
        runs[state.stage] = state.run
        assert state.entered_ns == walk.now_ns
    assert runs == {
        "derive": None,
        "paper": "hype-a1-paper-v3",
        "validation": "hype-a1-paper-v3",
        "prelive": "hype-a1-paper-v3",
        "ramp_25": "hype-a1-ramp_25-v6",
        "ramp_50": "hype-a1-ramp_50-v7",
        "ramp_75": "hype-a1-ramp_75-v8",
        "ramp_100": "hype-a1-ramp_100-v9",
    }
    walk.store.verify()


def test_a_step_down_and_up_again_begins_new_evidence(walk):
    walk.to("ramp_50")
    assert walk.step("STEP_DOWN").run == "hype-a1-ramp_25-v8"
    assert walk.step("PASS").run == "hype-a1-ramp_50-v9"


def test_retuning_and_rearming_begin_a_new_attempt(walk):
    walk.to("validation").step("FAIL")
    state = walk.step("retune")
    assert (state.stage, state.attempt, state.run) == ("derive", 2, None)
    walk.step("PASS")
    assert walk.state.run == "hype-a2-paper-v7"
    walk.to("validation").step("PASS")
    walk.step("approve")
    assert walk.step("KILL").stage == "halted"
    assert walk.state.run == "hype-a2-ramp_25-v10"
    state = walk.step("rearm")
    assert (state.stage, state.attempt, state.run) == ("paper", 3, "hype-a3-paper-v12")


def test_extending_keeps_papers_evidence_and_coming_back_from_live_starts_afresh(walk):
    walk.to("validation").step("FAIL")
    assert walk.step("extend").run == "hype-a1-paper-v3"
    walk.step("PASS")
    walk.step("approve")
    state = walk.step("PAPER")
    assert (state.stage, state.attempt, state.run) == ("paper", 2, "hype-a2-paper-v9")


@pytest.mark.parametrize("trigger", ["STEP_DOWN", "PAPER"])
@pytest.mark.parametrize("asks", [None, "advance", "stay", "hold", "step_down", "paper"])
def test_a_way_down_must_be_the_one_the_ramps_verdict_asks_for(walk, trigger, asks):
    walk.to("ramp_75")
    fitting = walk.verdict("FAIL", asks=asks)
    if asks == trigger.lower():
        assert walk.move(trigger, [fitting]) is not None
        walk.store.verify()
        return
    with pytest.raises(UncitedMoveError, match=f"FAIL that asks for '{trigger.lower()}'"):
        walk.move(trigger, [fitting])


@pytest.mark.parametrize("asks", ["stay", "hold", "step_down", "paper"])
def test_a_pass_that_asks_for_something_else_moves_nothing_up(walk, asks):
    walk.to("ramp_50")
    with pytest.raises(UncitedMoveError, match=f"cited: PASS asking for '{asks}'"):
        walk.move("PASS", [walk.verdict("PASS", asks=asks)])
    assert walk.move("PASS", [walk.verdict("PASS", asks="advance")]) is not None


def test_a_stopped_line_keeps_every_capital_from_rising_and_none_from_falling(walk, con):
    walk.to("prelive")
    line.freeze(con, "venue upgrade", "Ada", 2)
    causes = [walk.verdict("PASS"), walk.approval("approve")]
    with pytest.raises(StoppedLineError, match="venue upgrade \\(Ada\\)"):
        walk.move("approve", causes)
    assert walk.store.get("HYPE").stage == "prelive"
    line.unfreeze(con, "Ada", 3)
    assert walk.move("approve", causes) is not None  # the answer was not used up
    walk.to("ramp_75")
    line.freeze(con, "venue upgrade", "Ada", 4)
    with pytest.raises(StoppedLineError):
        walk.move("PASS", [walk.verdict("PASS")])
    assert walk.step("STEP_DOWN").stage == "ramp_50"
    assert walk.step("PAPER").stage == "paper"
    assert walk.step("PASS").stage == "validation"  # paper risks nothing
    walk.store.verify()


def test_the_line_is_stopped_by_a_name_for_a_reason_and_once(con):
    OnboardingStore(con)
    assert line.stopped(con) == ""
    for reason, by, complaint in (("", "Ada", "must say why"), ("x", " ", "must name a person")):
        with pytest.raises(ValueError, match=complaint):
            line.freeze(con, reason, by, 1)
    with pytest.raises(ValueError, match="not stopped"):
        line.unfreeze(con, "Ada", 1)
    line.freeze(con, "upgrade", "Ada", 2)
    assert line.stopped(con) == "upgrade (Ada)"
    with pytest.raises(ValueError, match="stopped already: upgrade"):
        line.freeze(con, "again", "Bob", 3)
    line.unfreeze(con, "Bob", 4)
    assert line.stopped(con) == ""


def test_a_move_seen_too_late_is_none_and_leaves_no_trace(walk, con):
    cause = walk.verdict("PASS")
    assert walk.store.move("HYPE", "viability", 1, "PASS", [cause], 5).stage == "derive"
    before = transitions(con)
    assert walk.store.move("HYPE", "viability", 1, "PASS", [cause], 6) is None
    assert walk.store.move("HYPE", "derive", 1, "PASS", [cause], 6) is None
    assert transitions(con) == before
    walk.store.verify()


def test_several_processes_race_and_exactly_one_moves(home):
    with Metrics.open(home) as metrics:
        OnboardingStore(metrics.con).enroll(AssetSpec(asset="HYPE", capital_usd=1000), 1)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(home.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for version, stage in enumerate(["viability", "derive", "paper"], start=1):
        with Metrics.open(home) as metrics:
            verdict = {"gate": stage, "verdict": "PASS"}
            cause = OnboardingStore(metrics.con).record_verdict("HYPE", verdict, version)
        for racer in racers:
            racer.stdin.write(f"{stage} {version} {cause}\n")
            racer.stdin.flush()
        answers = sorted(racer.stdout.readline().strip() for racer in racers)
        assert answers == ["late", "late", "moved"]
    for racer in racers:
        racer.communicate()
        assert racer.returncode == 0
    with Metrics.open(home) as metrics:
        store = OnboardingStore(metrics.con)
        store.verify()
        assert (store.get("HYPE").stage, store.get("HYPE").version) == ("validation", 4)
        assert transitions(metrics.con) == 3


@pytest.mark.parametrize("outcome", ["FAIL", "NOT_YET", "NO_DATA", "ERROR"])
def test_a_verdict_that_did_not_pass_moves_nothing_up(walk, outcome):
    walk.to("paper")
    with pytest.raises(UncitedMoveError, match=f"needs a verdict PASS; cited: {outcome}"):
        walk.move("PASS", [walk.verdict(outcome)])
    assert walk.store.get("HYPE").stage == "paper"


def test_a_move_that_cites_nothing_is_refused(walk):
    with pytest.raises(UncitedMoveError, match="cited: none"):
        walk.move("PASS", [])
    with pytest.raises(UncitedMoveError, match="'verdict-9-abc' is not in the audit"):
        walk.move("PASS", ["verdict-9-abc"])
    walk.to("validation").step("FAIL")
    with pytest.raises(UncitedMoveError, match="'drop' needs an approval"):
        walk.move("drop", [])


def test_a_verdict_of_an_earlier_version_justifies_nothing(walk):
    old = walk.verdict("PASS")
    walk.move("PASS", [old])
    with pytest.raises(UncitedMoveError, match="judge again"):
        walk.move("PASS", [old])


def test_a_gate_that_has_changed_its_mind_withdraws_its_pass(walk):
    passed = walk.verdict("PASS")
    walk.verdict("NOT_YET", gate="another")
    assert walk.verdict("FAIL")
    with pytest.raises(UncitedMoveError, match="has said FAIL since"):
        walk.move("PASS", [passed])


def test_real_money_needs_a_pass_and_a_persons_approval(walk):
    walk.to("prelive")
    passed = walk.verdict("PASS")
    with pytest.raises(IllegalMoveError, match="approve, reject, hold"):
        walk.move("PASS", [passed])
    with pytest.raises(UncitedMoveError, match="needs an approval"):
        walk.move("approve", [passed])
    approved = walk.approval("approve")
    with pytest.raises(UncitedMoveError, match="needs a verdict PASS"):
        walk.move("approve", [approved])
    assert walk.move("approve", [passed, approved]).stage == "ramp_25"


def test_one_answer_to_each_question(walk):
    walk.to("prelive")
    assert walk.store.answer("HYPE") is None
    given = walk.approval("hold")
    assert walk.store.answer("HYPE").id == given
    with pytest.raises(StaleApprovalError, match="was answered 'hold' by Ada"):
        walk.approval("approve")


def test_an_answer_to_an_earlier_question_is_refused(walk):
    walk.to("prelive")
    walk.store.record_approval("HYPE", "prelive", 5, "hold", "Ada", "", 50)
    with pytest.raises(StaleApprovalError, match="version 4"):
        walk.store.record_approval("HYPE", "prelive", 4, "approve", "Ada", "", 51)
    with pytest.raises(StaleApprovalError, match="now stands in 'prelive'"):
        walk.store.record_approval("HYPE", "halted", 5, "rearm", "Ada", "", 51)


def test_hold_keeps_the_stage_and_asks_anew(walk):
    before = walk.to("prelive").state
    after = walk.step("hold")
    assert (after.stage, after.run, after.entered_ns) == ("prelive", before.run, before.entered_ns)
    assert after.version == before.version + 1
    assert walk.store.answer("HYPE") is None
    assert walk.step("approve").stage == "ramp_25"


def test_a_decision_the_stage_does_not_know_or_nobody_signed_is_refused(walk):
    walk.to("prelive")
    with pytest.raises(ValueError, match="'rearm' is not open in stage 'prelive'"):
        walk.approval("rearm")
    with pytest.raises(ValueError, match="must name a person"):
        walk.store.record_approval("HYPE", "prelive", 5, "approve", "  ", "", 50)


def test_paper_only_comes_from_viability_and_ends_at_validation(walk):
    with pytest.raises(UncitedMoveError, match="PASS or NOT_YET or NO_DATA; cited: FAIL"):
        walk.move("PAPER_ONLY", [walk.verdict("FAIL")])
    assert walk.step("PAPER_ONLY").paper_only
    walk.to("validation")
    with pytest.raises(IllegalMoveError, match="paper only"):
        walk.move("PASS", [walk.verdict("PASS")])
    assert walk.store.get("HYPE").stage == "validation"


def test_paper_only_is_lifted_by_a_viability_that_has_passed_and_by_nothing_else(walk):
    walk.step("PAPER_ONLY")
    walk.to("validation")
    passed, lift = walk.verdict("PASS"), {"paper_only": False}
    for causes in ([passed], [passed, walk.verdict("NOT_YET", gate="viability")]):
        with pytest.raises(UncitedMoveError, match="viability verdict PASS alone"):
            walk.move("PASS", causes, **lift)
    assert walk.store.get("HYPE").paper_only
    moved = walk.move("PASS", [passed, walk.verdict("PASS", gate="viability")], **lift)
    assert (moved.stage, moved.paper_only) == ("prelive", False)
    walk.store.verify()


def test_the_kill_switch_needs_a_verdict_but_not_a_good_one(walk):
    walk.to("ramp_75")
    with pytest.raises(UncitedMoveError):
        walk.move("KILL", [])
    assert walk.move("KILL", [walk.verdict("ERROR")]).stage == "halted"


def test_facts_and_config_are_kept_and_noted(walk, config):
    walk.store.set_facts("HYPE", {"mark_px": 20.0, "notes": ["ok"]}, 5)
    walk.move("PASS", [walk.verdict("PASS")])
    state = walk.move("PASS", [walk.verdict("PASS")], config=config)
    assert state.facts == {"mark_px": 20.0, "notes": ["ok"]}
    assert state.config == config
    assert walk.store.set_config("HYPE", config, 9).config == config
    assert walk.store.history("HYPE")[-1].body["what"] == "config"
    walk.store.verify()


def test_what_is_not_plain_json_or_not_changeable_is_refused(walk):
    with pytest.raises(ValueError, match="finite numbers"):
        walk.store.record_verdict("HYPE", {"gate": "g", "verdict": "PASS", "x": float("nan")}, 5)
    with pytest.raises(ValueError, match=r"lacks \['verdict'\]"):
        walk.store.record_verdict("HYPE", {"gate": "g"}, 5)
    with pytest.raises(ValueError, match=r"cannot change \['attempt'\]"):
        walk.move("PASS", [], attempt=3)
    walk.store.verify()
