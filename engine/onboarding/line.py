"""The one switch that stops the line: while it is on, no asset's capital rises.

It is kept in the audit alone, as notes about all assets, so that it cannot be thrown unseen: the
newest note says whether the line is stopped.
"""

from typing import TYPE_CHECKING, Final

from engine.onboarding import audit
from engine.onboarding.approvals import LapsedApprovalError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ALL: Final = "*"  # no asset has this name


class StoppedLineError(LapsedApprovalError):
    """The line is stopped: capital does not rise, whatever was decided before."""


def freeze(con: "DuckDBPyConnection", reason: str, by: str, now_ns: int) -> str:
    """Stop the line, inside the caller's transaction; return the id of the note.

    Raises
    ------
    ValueError
        if nobody signs or no reason is given, or the line is stopped already.
    """
    if not reason.strip():
        raise ValueError(f"reason {reason!r} must say why the line is stopped")
    if why := stopped(con):
        raise ValueError(f"the line is stopped already: {why}")
    return audit.append(con, "note", ALL, _note("freeze", by, reason=reason.strip()), now_ns)


def unfreeze(con: "DuckDBPyConnection", by: str, now_ns: int) -> str:
    """Let the line go on, inside the caller's transaction; return the id of the note.

    Raises
    ------
    ValueError
        if nobody signs, or the line is not stopped.
    """
    if not stopped(con):
        raise ValueError("the line is not stopped; there is nothing to let go")
    return audit.append(con, "note", ALL, _note("unfreeze", by), now_ns)


def stopped(con: "DuckDBPyConnection") -> str:
    """Return why the line is stopped and by whom; empty where it is not."""
    notes = [e.body for e in audit.read(con, ALL)]
    if not notes or notes[-1]["what"] != "freeze":
        return ""
    return f"{notes[-1]['reason']} ({notes[-1]['by']})"


def _note(what: str, by: str, **more: str) -> dict[str, str]:
    if not by.strip():
        raise ValueError(f"by {by!r} must name a person")
    return {"what": what, "by": by.strip(), **more}
