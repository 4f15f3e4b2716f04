"""What a person is asked, and how long the answer counts.

A question is about one moment of one asset and about the evidence it was shown with; the hash of
both is its subject. An answer belongs to that subject and to one transition: it counts while the
subject is still what it was, until it expires, and once.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from engine.onboarding import audit
from engine.onboarding.causes import Standing, UncitedMoveError
from engine.onboarding.stages import Stage, Trigger, decisions, next_move

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HOUR_NS: Final = 3_600_000_000_000
# A question may wait over a weekend or a short absence; after a week the market that was shown is
# not the market any more.
ANSWER_WITHIN_NS: Final = 7 * 24 * HOUR_NS
# An answer is acted on at once. Only a crash keeps one waiting, and a day later nobody can say
# that the person would still decide so.
USE_WITHIN_NS: Final = 24 * HOUR_NS
_MATERIAL: Final = ("gate", "verdict", "policy_hash", "config_hash", "code_version")


class StaleApprovalError(ValueError):
    """The answer is to a question that is no longer asked, or was answered already."""


class LapsedApprovalError(UncitedMoveError):
    """The approval has expired, or the evidence it was given on has changed."""


def ask(
    con: "DuckDBPyConnection", here: Standing, config_hash: str | None, asked_by: str, now_ns: int
) -> audit.Entry:
    """Write the question into the audit, inside the caller's transaction; return it.

    `asked_by` names who asks; the same asker is given the question it has asked before, which is
    how a process that was ended meanwhile finds out what the person was shown.
    """
    for question in audit.about(con, "question", *here):
        if question.body["asked_by"] == asked_by:
            return question
    return _pose(con, here, config_hash, asked_by, now_ns)


def asked(
    con: "DuckDBPyConnection",
    here: Standing,
    config_hash: str | None,
    question: str | None,
    now_ns: int,
) -> audit.Entry:
    """Return the question `question`, which may still be answered; None poses a new one.

    Raises
    ------
    StaleApprovalError
        if it was never asked here, has expired, or what it was asked on has changed.
    """
    if question is None:
        return _pose(con, here, config_hash, "who answers", now_ns)
    found = {e.id: e for e in audit.about(con, "question", *here)}.get(question)
    if found is None:
        raise StaleApprovalError(f"{here}: question {question!r} was never asked; ask it first")
    if why := why_lapsed(con, found, here, config_hash, now_ns):
        raise StaleApprovalError(f"{here}: the question is void: {why}; it will be asked again")
    return found


def _pose(
    con: "DuckDBPyConnection", here: Standing, config_hash: str | None, asked_by: str, now_ns: int
) -> audit.Entry:
    shown = newest_verdicts(audit.read(con, here.asset))
    about = subject(here, config_hash, shown)
    body = {
        "stage": here.stage,
        "version": here.version,
        "subject": about,
        "subject_hash": digest(about),
        "verdicts": [entry.id for entry in shown],
        "asked_by": asked_by,
        "expires_ns": now_ns + ANSWER_WITHIN_NS,
    }
    audit.append(con, "question", here.asset, body, now_ns)
    return audit.about(con, "question", *here)[-1]


def approval_body(
    question: audit.Entry, decision: Trigger, approver: str, note: str, now_ns: int
) -> dict[str, Any]:
    """Return what the audit keeps of an answer: who, what, on which evidence, for which move."""
    stage: Stage = question.body["stage"]
    return {
        "stage": stage,
        "version": question.body["version"],
        "decision": decision,
        "approver": approver,
        "note": note,
        "question": question.id,
        "subject_hash": question.body["subject_hash"],
        "to": next_move(stage, decision).to,
        "expires_ns": now_ns + USE_WITHIN_NS,
    }


def why_lapsed(
    con: "DuckDBPyConnection",
    entry: audit.Entry,
    here: Standing,
    config_hash: str | None,
    now_ns: int | None,
) -> str:
    """Return why a question or an approval about `here` counts no more; empty while it does.

    A clock that was set back extends nothing: the time is the latest the asset's audit has seen
    since, and what lies in the clock's future counts for nothing.

    Parameters
    ----------
    now_ns : [ns]
        the clock; None takes the time of what was recorded last.
    """
    if "subject_hash" not in entry.body:
        return "it names no evidence"
    if now_ns is not None and now_ns < entry.ts_ns:
        return f"the clock was set back by {(entry.ts_ns - now_ns) / HOUR_NS:.1f} h since"
    entries = audit.read(con, here.asset)
    latest = max([now_ns or 0, *(e.ts_ns for e in entries if e.seq > entry.seq)])
    if latest > entry.body["expires_ns"]:
        return f"it expired {(latest - entry.body['expires_ns']) / HOUR_NS:.1f} h ago"
    now = subject(here, config_hash, newest_verdicts(entries))
    if digest(now) == entry.body["subject_hash"]:
        return ""
    return f"what it was given on has changed since{_changes(entry.body.get('subject'), now)}"


def check_use(
    con: "DuckDBPyConnection",
    here: Standing,
    config_hash: str | None,
    decision: Trigger,
    causes: Iterable[str],
    now_ns: int,
) -> None:
    """Check that the approval cited for `decision` is the newest answer and counts still.

    Raises
    ------
    LapsedApprovalError
        saying why it does not.
    """
    newest = audit.about(con, "approval", *here)[-1]
    if newest.id not in causes or newest.body["decision"] != decision:
        raise LapsedApprovalError(
            f"{here}: {newest.body['approver']} has answered {newest.body['decision']!r} since "
            f"({newest.id})"
        )
    why = why_lapsed(con, newest, here, config_hash, now_ns)
    if not why and newest.body["to"] != next_move(here.stage, decision).to:
        why = f"it allows a move to {newest.body['to']!r}"
    if why:
        raise LapsedApprovalError(
            f"{here}: the approval {decision!r} by {newest.body['approver']} is void: {why}; "
            "ask again"
        )


def newest_verdicts(entries: Iterable[audit.Entry]) -> list[audit.Entry]:
    """Return the newest verdict of every gate, in the order of the gates' names."""
    newest = {e.body["verdict"]["gate"]: e for e in entries if e.kind == "verdict"}
    return [newest[gate] for gate in sorted(newest)]


def subject(
    here: Standing, config_hash: str | None, verdicts: Iterable[audit.Entry]
) -> dict[str, Any]:
    """Return what a question is about: the moment, what is open, and what each gate says.

    A look that says the same again leaves it as it is; an outcome, a line, the policy, the
    configuration or the code that changed does not.
    """
    return {
        "asset": here.asset,
        "stage": here.stage,
        "version": here.version,
        "decisions": list(decisions(here.stage)),
        "config_hash": config_hash,
        "verdicts": [_material(entry.body["verdict"]) for entry in verdicts],
    }


def digest(about: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a subject's canonical JSON, as hex."""
    return hashlib.sha256(audit.canonical(about).encode()).hexdigest()


def _material(verdict: Mapping[str, Any]) -> dict[str, Any]:
    # a checklist has no criteria: which lines are ticked and which a person confirms is its words
    lines = [[one.get("metric"), one.get("verdict")] for one in verdict.get("criteria", ())]
    said = {name: verdict.get(name) for name in _MATERIAL}
    return said | {"lines": lines or verdict.get("words")}


def _changes(was: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    if was is None:
        return ""
    before = {one["gate"]: one for one in was["verdicts"]}
    changed = [one["gate"] for one in now["verdicts"] if before.get(one["gate"]) != one]
    if was["config_hash"] != now["config_hash"]:
        changed.append("the configuration")
    return f": {', '.join(changed)}" if changed else ""
