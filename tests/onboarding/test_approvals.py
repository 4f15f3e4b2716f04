"""An approval belongs to what was shown and to one move, counts once, and for a while."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import AssetSpec
from engine.onboarding import audit, proof
from engine.onboarding.approvals import ANSWER_WITHIN_NS, USE_WITHIN_NS, LapsedApprovalError
from engine.onboarding.audit import AuditError
from engine.onboarding.causes import SpentApprovalError, UncitedMoveError
from engine.onboarding.store import OnboardingStore, StaleApprovalError
from engine.onboarding.telling import tell
from engine.onboarding.transaction import transaction
from engine.store.home import Home
from engine.store.metrics import Metrics

HOUR_NS = 3_600_000_000_000


class Desk:
    """An asset in prelive with a passed checklist, and the question about it."""

    def __init__(self, walk, now_ns: int = 10_000) -> None:
        walk.to("prelive")
        self.walk, self.store, self.now_ns = walk, walk.store, now_ns
        self.at = ("HYPE", walk.state.stage, walk.state.version)
        self.passed = self.judge("PASS")
        self.question = self.ask("a run")

    def judge(self, outcome: str, gate: str = "prelive", **more) -> str:
        verdict = {"gate": gate, "verdict": outcome, "words": f"{outcome}: nine lines", **more}
        return self.store.record_verdict("HYPE", verdict, self.now_ns)

    def ask(self, asked_by: str):
        return self.store.ask(*self.at, asked_by, self.now_ns)

    def answer(self, decision: str = "approve", after_ns: int = 0, question=None) -> str:
        asked = (question or self.question).id
        given = (decision, "Ada", "looks sound", self.now_ns + after_ns)
        return self.store.record_approval(*self.at, *given, asked)

    def move(self, causes: list[str], decision: str = "approve", after_ns: int = 0):
        return self.store.move(*self.at, decision, causes, self.now_ns + after_ns)


@pytest.fixture
def desk(walk) -> Desk:
    return Desk(walk)


def body_of(store, id_: str) -> dict:
    return next(e.body for e in store.history("HYPE") if e.id == id_)


def test_a_question_names_its_evidence_and_when_it_expires(desk):
    body = desk.question.body
    assert len(body["subject_hash"]) == 64
    assert desk.passed in body["verdicts"]
    assert body["subject"]["decisions"] == ["approve", "reject", "hold"]
    assert body["expires_ns"] == desk.now_ns + ANSWER_WITHIN_NS


def test_an_answer_is_kept_with_evidence_move_approver_note_and_expiry(desk):
    body = body_of(desk.store, desk.answer())
    assert body == {
        "stage": "prelive",
        "version": 5,
        "decision": "approve",
        "approver": "Ada",
        "note": "looks sound",
        "question": desk.question.id,
        "subject_hash": desk.question.body["subject_hash"],
        "to": "ramp_25",
        "expires_ns": desk.now_ns + USE_WITHIN_NS,
    }


def test_who_asks_again_is_given_its_own_question_and_another_asker_a_new_one(desk):
    assert desk.ask("a run") == desk.question
    other = desk.ask("another run")
    assert other.id != desk.question.id
    assert other.body["subject_hash"] == desk.question.body["subject_hash"]


def test_a_look_that_says_the_same_again_leaves_the_question_open(desk):
    desk.judge("PASS", ts_ns=99)
    assert desk.move([desk.judge("PASS"), desk.answer()]).stage == "ramp_25"


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "NOT_YET"},
        {"outcome": "PASS", "gate": "validation"},
        {"outcome": "PASS", "policy_hash": "another"},
        {"outcome": "PASS", "config_hash": "another"},
        {"outcome": "PASS", "code_version": "another"},
        {"outcome": "PASS", "criteria": [{"metric": "edge_bps", "verdict": "NOT_YET"}]},
        {"outcome": "PASS", "words": "PASS: seven lines. A person confirms: funds."},
    ],
)
def test_an_answer_to_evidence_that_has_changed_is_refused(desk, change):
    desk.judge(**change)
    with pytest.raises(StaleApprovalError, match=r"has changed since: (prelive|validation)"):
        desk.answer()


def test_an_answer_to_another_configuration_is_refused(desk, config):
    desk.store.set_config("HYPE", config, desk.now_ns)
    with pytest.raises(StaleApprovalError, match="has changed since: the configuration"):
        desk.answer()


def test_evidence_that_changes_between_answer_and_move_voids_the_answer(desk):
    approved = desk.answer()
    desk.judge("FAIL", gate="validation")
    assert desk.store.answer("HYPE") is None
    with pytest.raises(LapsedApprovalError, match=r"'approve' by Ada is void: .* has changed"):
        desk.move([desk.passed, approved])
    again = desk.ask("the next run")  # and a person may be asked anew
    assert desk.answer("hold", question=again)


@pytest.mark.parametrize(("late_ns", "counts"), [(-1, True), (0, True), (1, False)])
def test_a_question_may_be_answered_until_it_expires_and_not_after(desk, late_ns, counts):
    if counts:
        assert desk.answer(after_ns=ANSWER_WITHIN_NS + late_ns)
        return
    with pytest.raises(StaleApprovalError, match="void: it expired"):
        desk.answer(after_ns=ANSWER_WITHIN_NS + late_ns)


@pytest.mark.parametrize(("late_ns", "counts"), [(-1, True), (0, True), (1, False)])
def test_an_answer_may_be_used_until_it_expires_and_not_after(desk, late_ns, counts):
    causes, after_ns = [desk.passed, desk.answer()], USE_WITHIN_NS + late_ns
    assert (desk.store.answer("HYPE", desk.now_ns + after_ns) is not None) == counts
    if counts:
        assert desk.move(causes, after_ns=after_ns).stage == "ramp_25"
        return
    with pytest.raises(LapsedApprovalError, match="void: it expired"):
        desk.move(causes, after_ns=after_ns)
    assert desk.store.get("HYPE").stage == "prelive"


def test_a_clock_set_back_does_not_extend_an_answer(desk):
    approved = desk.answer()
    desk.store.note("HYPE", {"what": "two days later"}, desk.now_ns + 2 * USE_WITHIN_NS)
    with pytest.raises(LapsedApprovalError, match="expired"):
        desk.move([desk.passed, approved], after_ns=1)


def test_a_question_in_the_clocks_future_is_void_and_can_be_asked_again(desk):
    with pytest.raises(StaleApprovalError, match=r"clock was set back by 2\.0 h"):
        desk.store.record_approval(
            *desk.at, "approve", "Ada", "", desk.now_ns - 2 * HOUR_NS, desk.question.id
        )
    desk.now_ns -= 2 * HOUR_NS
    assert desk.answer(question=desk.ask("after the step"))


def test_an_answer_to_a_question_never_asked_is_refused(desk):
    with pytest.raises(StaleApprovalError, match="'question-99-abc' was never asked"):
        desk.store.record_approval(*desk.at, "approve", "Ada", "", 99_999, "question-99-abc")


def test_an_approval_makes_one_move_and_is_then_spent(desk):
    held = desk.answer("hold")
    after = desk.move([held], "hold")
    assert after is not None
    with pytest.raises(SpentApprovalError, match=r"by Ada was used by .*one approval makes one"):
        desk.store.move("HYPE", "prelive", after.version, "hold", [held], desk.now_ns)
    assert desk.store.get("HYPE").version == after.version


def test_an_approval_of_one_decision_does_not_make_another(desk):
    with pytest.raises(UncitedMoveError, match="'approve' needs an approval"):
        desk.move([desk.passed, desk.answer("hold")], "approve")


def test_the_newest_answer_withdraws_the_one_before(desk):
    approved = desk.answer()
    desk.judge("NOT_YET")  # voids it
    held = desk.answer("hold", question=desk.ask("the next run"))
    desk.passed = desk.judge("PASS")  # and what was shown first is true again
    for causes in ([desk.passed, approved], [desk.passed, approved, held]):
        with pytest.raises(LapsedApprovalError, match="Ada has answered 'hold' since"):
            desk.move(causes)


def test_an_approval_from_before_questions_were_kept_verifies_but_moves_nothing(walk, con):
    walk.to("prelive")
    old = {"stage": "prelive", "version": 5, "decision": "approve", "approver": "Ada", "note": ""}
    with transaction(con):
        approved = audit.append(con, "approval", "HYPE", old, walk.now_ns)
    passed = walk.verdict("PASS")
    assert walk.store.answer("HYPE") is None
    with pytest.raises(LapsedApprovalError, match="names no evidence"):
        walk.move("approve", [passed, approved])
    with transaction(con):  # the move as it was made and kept then
        con.execute("UPDATE asset_state SET stage = 'ramp_25', version = 6").fetchall()
        body = {"from": "prelive", "to": "ramp_25", "version": 6, "attempt": 1, "run": None}
        body |= {"trigger": "approve", "causes": [passed, approved], "changes": {}}
        audit.append(con, "transition", "HYPE", body, walk.now_ns)
    assert walk.store.verify().approvals == 1


def forge(desk: Desk, con, kind: str, **changes) -> None:
    """Write a row past the store's checks, with a good hash: a copy of the last of its kind."""
    last = [e for e in desk.store.history("HYPE") if e.kind == kind][-1]
    with transaction(con):
        now_ns = changes.pop("now_ns", desk.now_ns)
        audit.append(con, kind, "HYPE", last.body | changes, now_ns)


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("approval", {"approver": " "}, "names no approver"),
        ("approval", {"question": "question-9-x"}, "a question that was never asked"),
        ("approval", {"subject_hash": "0" * 64}, "another subject_hash than its question"),
        ("approval", {"now_ns": 9_999}, "before its question was asked or after it had expired"),
        ("approval", {"now_ns": 10_001 + ANSWER_WITHIN_NS}, "after it had expired"),
        ("approval", {"version": 4}, "another version than its question"),
        ("question", {"subject_hash": "0" * 64}, "hash of what it was asked on"),
        ("question", {"verdicts": []}, "verdicts that the audit does not hold"),
        ("transition", {}, "a second time|of another moment"),
    ],
)
def test_verify_finds_a_row_written_past_the_store(desk, con, kind, changes, said):
    desk.move([desk.passed, desk.answer()])
    desk.store.verify()
    forge(desk, con, kind, **changes)
    with pytest.raises(AuditError, match=rf"row \d+ \({kind} of HYPE\) .*({said})"):
        desk.store.verify()


def test_verify_finds_an_approval_without_evidence_after_questions_were_kept(desk, con):
    bare = {"stage": "prelive", "version": 5, "decision": "approve", "approver": "A", "note": ""}
    with transaction(con):
        audit.append(con, "approval", "HYPE", bare, desk.now_ns)
    with pytest.raises(AuditError, match=r"approval of HYPE\) names no evidence"):
        desk.store.verify()


@pytest.mark.parametrize(
    ("causes", "said"),
    [
        ("passed", "cites no approval that decides 'approve'"),
        ("late", "cites no approval that decides 'approve'"),
        ("elsewhere", "cites no approval that decides 'approve'"),
        ("unknown", "a row that the audit does not hold"),
    ],
)
def test_verify_finds_a_move_that_nobody_decided(desk, con, causes, said):
    cited = [desk.passed] if causes == "passed" else [desk.passed, desk.answer()]
    body = {"from": "prelive", "to": "ramp_25", "version": 6, "attempt": 1, "run": None}
    body |= {"trigger": "approve", "causes": cited, "changes": {}}
    body |= {"elsewhere": {"to": "ramp_100"}, "unknown": {"causes": ["approval-9-a"]}}.get(
        causes, {}
    )
    late_ns = USE_WITHIN_NS + 1 if causes == "late" else 0
    with transaction(con):
        con.execute("UPDATE asset_state SET stage = ?, version = 6", [body["to"]]).fetchall()
        audit.append(con, "transition", "HYPE", body, desk.now_ns + late_ns)
    with pytest.raises(AuditError, match=said):
        desk.store.verify()


def test_verify_says_what_it_has_proved(desk, con):
    desk.move([desk.passed, desk.answer()])
    proof = desk.store.verify()
    rows, head = con.execute("SELECT seq, hash FROM audit_head").fetchall()[0]
    assert proof == (rows, 1, 1, head)


def test_the_story_is_told_in_order_with_every_cause(desk):
    approved = desk.answer()
    desk.move([desk.passed, approved])
    told = tell(desk.store.history("HYPE"))
    assert [one.id for one in told] == [e.id for e in desk.store.history("HYPE")]
    assert told[0].said == "HYPE is enrolled for $1,000 on sim."
    assert [one.said for one in told[-4:]] == [
        "prelive says: PASS: nine lines",
        "A person is asked in prelive: approve or reject or hold? Evidence "
        f"{desk.question.body['subject_hash'][:12]}, to be answered by 1970-01-08 00:00:00.",
        f"Ada decides approve on evidence {desk.question.body['subject_hash'][:12]}, "
        'noting "looks sound".',
        "It moves from prelive to ramp_25 (version 6, attempt 1) on approve: "
        f"prelive said PASS ({desk.passed}), and Ada decided approve ({approved}).",
    ]


class Life:
    """One asset waiting in prelive, and whatever is tried on it while its clock jumps about."""

    def __init__(self, store: OnboardingStore, asset: str) -> None:
        self.store, self.asset = store, asset
        self.now_ns = 1_000 * HOUR_NS
        self.asked: list = []
        self.given: list = []
        store.enroll(AssetSpec(asset=asset, capital_usd=1000), self.now_ns)
        for _ in range(4):
            cause, at = self.judge("PASS"), self.at
            store.move(*at, "PASS", [cause], self.now_ns)

    @property
    def at(self):
        state = self.store.get(self.asset)
        return self.asset, state.stage, state.version

    def judge(self, outcome: str) -> str:
        verdict = {"gate": self.at[1], "verdict": outcome}
        return self.store.record_verdict(self.asset, verdict, self.now_ns)

    def ask(self) -> None:
        question = self.store.ask(*self.at, str(self.now_ns), self.now_ns)
        self.asked.append((question.id, self.now_ns))

    def answer(self) -> None:
        question, asked_ns = self.asked[-1]
        said = ("approve", "Ada", "", self.now_ns)
        self.given.append((self.store.record_approval(*self.at, *said, question), self.now_ns))
        assert asked_ns <= self.now_ns <= asked_ns + ANSWER_WITHIN_NS

    def move(self) -> None:
        approved, given_ns = self.given[-1]
        causes = [self.judge("PASS"), approved]
        assert self.store.move(*self.at, "approve", causes, self.now_ns) is not None
        assert given_ns <= self.now_ns <= given_ns + USE_WITHIN_NS

    def try_(self, step: str) -> None:
        if step in ("PASS", "NOT_YET"):
            self.judge(step)
        elif step == "ask" or (step == "answer" and self.asked) or (step == "move" and self.given):
            getattr(self, step)()


STEPS = st.sampled_from(["ask", "ask", "answer", "answer", "move", "PASS", "NOT_YET"])
HOURS = st.one_of(st.just(0), st.integers(-72, 200))


@pytest.fixture(scope="module")
def lives(tmp_path_factory):
    with Metrics.open(Home(tmp_path_factory.mktemp("lives"))) as metrics:
        yield OnboardingStore(metrics.con)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(STEPS, HOURS), min_size=3, max_size=10))
def test_whatever_is_tried_in_whatever_order_no_move_is_made_that_does_not_verify(lives, steps):
    life = Life(lives, f"A{len(lives.all())}")
    for step, hours in steps:
        life.now_ns += hours * HOUR_NS
        if life.at[1] != "prelive":
            break
        with suppress(StaleApprovalError, UncitedMoveError):
            life.try_(step)
    entries = lives.history(life.asset)
    proof.check(entries)
    assert sum(e.kind == "transition" for e in entries) == life.at[2] - 1
