"""An asset's story in plain sentences: what each row of the audit says to a reader."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from engine.onboarding.audit import Entry

_Rows = Mapping[str, Entry]


class Told(NamedTuple):
    """One row in words: when it was written, its id, and what it says."""

    at: str
    id: str
    said: str


def tell(entries: Sequence[Entry]) -> list[Told]:
    """Return every row as a sentence, in the order they were written."""
    rows = {entry.id: entry for entry in entries}
    return [Told(_at(e.ts_ns), e.id, _SENTENCES[e.kind](e, rows)) for e in entries]


def _verdict(entry: Entry, _: _Rows) -> str:
    said = entry.body["verdict"]
    return f"{said['gate']} says: {said.get('words') or said['verdict']}"


def _question(entry: Entry, _: _Rows) -> str:
    body = entry.body
    return (
        f"A person is asked in {body['stage']}: {' or '.join(body['subject']['decisions'])}? "
        f"Evidence {body['subject_hash'][:12]}, to be answered by {_at(body['expires_ns'])}."
    )


def _approval(entry: Entry, _: _Rows) -> str:
    body = entry.body
    on = f" on evidence {body['subject_hash'][:12]}" if "subject_hash" in body else ""
    note = f', noting "{body["note"]}"' if body["note"] else ", without a note"
    return f"{body['approver']} decides {body['decision']}{on}{note}."


def _transition(entry: Entry, rows: _Rows) -> str:
    body = entry.body
    causes = ", and ".join(_cause(cause, rows.get(cause)) for cause in body["causes"])
    return (
        f"It moves from {body['from']} to {body['to']} (version {body['version']}, "
        f"attempt {body['attempt']}) on {body['trigger']}: {causes}."
    )


def _cause(cause: str, entry: Entry | None) -> str:
    if entry is None:
        return f"{cause}, which is not in the audit"
    if entry.kind == "approval":
        return f"{entry.body['approver']} decided {entry.body['decision']} ({cause})"
    if entry.kind == "verdict":
        said = entry.body["verdict"]
        asked = _ASKED.get(said.get("asks") or "", "")
        return f"{said['gate']} said {said['verdict']}{asked} ({cause})"
    return cause


def _note(entry: Entry, _: _Rows) -> str:
    what, body = entry.body.get("what"), entry.body
    if what in _NOTES:
        return _NOTES[what].format(**body)
    if what == "enrolled":
        spec = body["spec"]
        return f"{entry.asset} is enrolled for ${spec['capital_usd']:,.0f} on {spec['venue']}."
    return "Noted: " + ", ".join(f"{name} {value}" for name, value in body.items()) + "."


_NOTES: Final = {
    "facts": "Its market facts are kept.",
    "config": "Its configuration is kept.",
    "freeze": "{by} stops the line: {reason}. No capital rises until it is let go.",
    "unfreeze": "{by} lets the line go on.",
    "gap": "Paper flattered it by {gap_bps:.1f} ± {se_bps:.1f} bps ({hours} h, {fills} fills).",
    "rearmed": "{by} lets {scope} trade again: {note}.",
}

_ASKED: Final = {
    "advance": " and that it may advance",
    "step_down": " and that it must step down",
    "paper": " and that it must go back to paper",
}
_SENTENCES: Final[dict[str, Callable[[Entry, _Rows], str]]] = {
    "verdict": _verdict,
    "question": _question,
    "approval": _approval,
    "transition": _transition,
    "note": _note,
}


def _at(ts_ns: int) -> str:
    return f"{datetime.fromtimestamp(ts_ns / 1e9, UTC):%Y-%m-%d %H:%M:%S}"
