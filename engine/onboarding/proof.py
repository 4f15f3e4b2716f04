"""Whether an asset's story holds together: each move justified by rows that came before it.

The chain of hashes shows that no row was changed after it was written. This shows that the rows
say something consistent: a row that was written past the store's own checks is found here. An
approval from before questions were kept has no subject, and a verdict from before the ramp asked
for its moves asks for none; both are held to the rest.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from engine.onboarding.approvals import digest
from engine.onboarding.audit import AuditError, Entry
from engine.onboarding.causes import justifies, justifies_lift, lifts
from engine.onboarding.stages import Stage

_START: Final = ("viability", 1)
_DOWN: Final = ("STEP_DOWN", "PAPER")
_Seen = Mapping[str, Entry]


class Proof(NamedTuple):
    """What was verified; `head` is the chain's last hash, to be kept where nobody can edit it."""

    rows: int
    assets: int
    approvals: int
    head: str


def check(entries: Sequence[Entry]) -> None:
    """Check the rows of one asset, oldest first.

    Raises
    ------
    AuditError
        naming the first row that lacks what justifies it.
    """
    seen: dict[str, Entry] = {}
    used: set[str] = set()
    for entry in entries:
        if entry.kind == "question":
            _check_question(entry, seen)
        elif entry.kind == "approval":
            _check_approval(entry, seen)
        elif entry.kind == "transition":
            used |= _check_transition(entry, seen, used)
        seen[entry.id] = entry


def check_standing(asset: str, stage: Stage, version: int, entries: Sequence[Entry]) -> None:
    """Check that the asset stands where its last transition put it."""
    moves = [e.body for e in entries if e.kind == "transition"]
    told = (moves[-1]["to"], moves[-1]["version"]) if moves else _START
    if told != (stage, version):
        raise AuditError(
            f"{asset} stands in {stage!r} version {version}, but its last "
            f"transition led to {told[0]!r} version {told[1]}: the asset's row was edited"
        )


def _check_question(entry: Entry, seen: _Seen) -> None:
    subject = entry.body["subject"]
    if digest(subject) != entry.body["subject_hash"]:
        raise _wrong(entry, "does not have the hash of what it was asked on")
    shown = [seen.get(cause) for cause in entry.body["verdicts"]]
    told = [(e.body["verdict"]["gate"], e.body["verdict"]["verdict"]) for e in shown if e]
    if told != [(one["gate"], one["verdict"]) for one in subject["verdicts"]]:
        raise _wrong(entry, "was asked on verdicts that the audit does not hold")


def _check_approval(entry: Entry, seen: _Seen) -> None:
    if not str(entry.body.get("approver", "")).strip():
        raise _wrong(entry, "names no approver")
    if "subject_hash" not in entry.body:
        if any(e.kind == "question" for e in seen.values()):
            raise _wrong(entry, "names no evidence")
        return
    question = seen.get(entry.body["question"])
    if question is None or question.kind != "question":
        raise _wrong(entry, "answers a question that was never asked")
    for name in ("stage", "version", "subject_hash"):
        if entry.body[name] != question.body[name]:
            raise _wrong(entry, f"has another {name} than its question")
    if not question.ts_ns <= entry.ts_ns <= question.body["expires_ns"]:
        raise _wrong(entry, "was given before its question was asked or after it had expired")


def _check_transition(entry: Entry, seen: _Seen, used: set[str]) -> set[str]:
    """Check a move and return the approvals it has used up."""
    causes = [seen.get(cause) for cause in entry.body["causes"]]
    before = (entry.body["from"], entry.body["version"] - 1)
    if any(c is None or (c.body.get("stage"), c.body.get("version")) != before for c in causes):
        raise _wrong(entry, "cites a row that the audit does not hold, or of another moment")
    cited = [c for c in causes if c is not None and c.kind == "approval"]
    if spent := used & {c.id for c in cited}:
        raise _wrong(entry, f"uses {', '.join(sorted(spent))} a second time")
    trigger = entry.body["trigger"]
    if trigger.islower() and not any(_decides(c, entry) for c in cited):
        raise _wrong(entry, f"cites no approval that decides {trigger!r}")
    said = [c.body["verdict"] for c in causes if c is not None and c.kind == "verdict"]
    ruled = trigger == "PASS" and any(v.get("asks") for v in said)
    if (ruled or trigger in _DOWN) and not any(justifies(trigger, v) for v in said):
        raise _wrong(entry, f"cites no verdict that asks for {trigger!r}")
    if lifts(entry.body["changes"]) and not any(c and justifies_lift(c) for c in causes):
        raise _wrong(entry, "lets the asset leave paper without a viability that has passed")
    return {c.id for c in cited}


def _decides(approval: Entry, move: Entry) -> bool:
    if approval.body["decision"] != move.body["trigger"]:
        return False
    if "subject_hash" not in approval.body:
        return True
    in_time = approval.ts_ns <= move.ts_ns <= approval.body["expires_ns"]
    return in_time and approval.body["to"] == move.body["to"]


def _wrong(entry: Entry, what: str) -> AuditError:
    return AuditError(f"audit row {entry.seq} ({entry.kind} of {entry.asset}) {what}")
