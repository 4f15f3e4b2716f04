"""The way down as the audit proves and tells it."""

import pytest

from engine.onboarding import audit, proof
from engine.onboarding.audit import AuditError
from engine.onboarding.telling import tell


def entries(walk):
    return walk.store.history("HYPE")


def test_a_life_of_ups_and_downs_is_proved_and_told(walk):
    walk.to("ramp_75")
    for trigger in ("STEP_DOWN", "STEP_DOWN", "PASS", "PAPER"):
        walk.step(trigger)
    assert (walk.state.stage, walk.state.attempt) == ("paper", 2)
    walk.store.verify()
    moves = [one.said for one in tell(entries(walk)) if one.said.startswith("It moves")]
    assert moves[-1].startswith(
        "It moves from ramp_50 to paper (version 12, attempt 2) on PAPER: ramp_50 said FAIL and "
        "that it must go back to paper (verdict-"
    )
    assert "on STEP_DOWN: ramp_75 said FAIL and that it must step down (verdict-" in moves[-4]


@pytest.mark.parametrize(("trigger", "to"), [("STEP_DOWN", "ramp_50"), ("PAPER", "paper")])
@pytest.mark.parametrize("asks", [None, "advance", "stay", "hold"])
def test_a_way_down_written_past_the_store_is_found(walk, con, trigger, to, asks):
    walk.to("ramp_75")
    cause = walk.verdict("FAIL", asks=asks)
    body = {"from": "ramp_75", "to": to, "version": walk.state.version + 1, "attempt": 1}
    body |= {"trigger": trigger, "run": "x", "causes": [cause], "changes": {}}
    audit.append(con, "transition", "HYPE", body, walk.now_ns)
    audit.verify(con)  # the chain itself is whole
    with pytest.raises(AuditError, match=f"cites no verdict that asks for '{trigger}'"):
        proof.check(entries(walk))


def test_a_way_up_from_a_verdict_that_asked_for_another_is_found(walk, con):
    walk.to("ramp_50")
    cause = walk.verdict("FAIL", asks="step_down")
    body = {"from": "ramp_50", "to": "ramp_75", "version": walk.state.version + 1, "attempt": 1}
    body |= {"trigger": "PASS", "run": "x", "causes": [cause], "changes": {}}
    audit.append(con, "transition", "HYPE", body, walk.now_ns)
    with pytest.raises(AuditError, match="cites no verdict that asks for 'PASS'"):
        proof.check(entries(walk))


def test_a_step_down_from_before_there_were_two_ways_is_still_proved(walk, con):
    walk.to("ramp_50")
    cause = walk.verdict("FAIL")
    body = {"from": "ramp_50", "to": "ramp_25", "version": walk.state.version + 1, "attempt": 1}
    body |= {"trigger": "FAIL", "run": "x", "causes": [cause], "changes": {}}
    audit.append(con, "transition", "HYPE", body, walk.now_ns)
    proof.check(entries(walk))
    assert "on FAIL: ramp_50 said FAIL (verdict-" in tell(entries(walk))[-1].said


def test_what_is_held_may_be_rejected_by_a_person_and_halted_by_the_kill_switch(walk):
    walk.to("prelive")
    causes = [walk.verdict("NOT_YET", asks="hold"), walk.approval("hold")]
    assert walk.move("hold", causes) is not None
    walk.step("approve")
    assert walk.move("KILL", [walk.verdict("FAIL", asks="paper")]).stage == "halted"
    walk.store.verify()


def test_a_stopped_line_is_told_in_plain_words(con):
    about = [
        {"what": "freeze", "by": "Ada", "reason": "venue upgrade"},
        {"what": "unfreeze", "by": "Bob"},
    ]
    rows = [audit.Entry(f"n-{k}-x", k, "note", "*", k, body) for k, body in enumerate(about)]
    assert [one.said for one in tell(rows)] == [
        "Ada stops the line: venue upgrade. No capital rises until it is let go.",
        "Bob lets the line go on.",
    ]
