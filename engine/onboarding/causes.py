"""What justifies a move: the verdicts and approvals a transition must cite."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine.onboarding import audit
from engine.onboarding.stages import Stage, Trigger

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A verdict with one of these outcomes justifies the trigger. KILL asks for any verdict at all:
# a move to safety must not wait for paperwork.
_OUTCOMES: Final[dict[Trigger, tuple[str, ...]]] = {
    "PASS": ("PASS",),
    "FAIL": ("FAIL",),
    "PAPER_ONLY": ("PASS", "NOT_YET", "NO_DATA"),
    "STEP_DOWN": ("FAIL",),
    "PAPER": ("FAIL",),
    "KILL": ("PASS", "FAIL", "NOT_YET", "NO_DATA", "ERROR"),
    "approve": ("PASS",),
}
# What a verdict must ask for beside. Those of gates, and of the ramp from before it asked for
# anything, ask for nothing; a review asks to stay, and justifies no move at all.
_ASKS: Final[dict[Trigger, tuple[str | None, ...]]] = {
    "PASS": ("advance", None),
    "FAIL": (None,),
    "approve": ("advance", None),
    "STEP_DOWN": ("step_down",),
    "PAPER": ("paper",),
}


class UncitedMoveError(ValueError):
    """The move cites nothing that justifies it."""


class SpentApprovalError(UncitedMoveError):
    """The approval has made its move already."""


class Standing(NamedTuple):
    """Where an asset stood when somebody judged it or decided on it."""

    asset: str
    stage: Stage
    version: int

    def __str__(self) -> str:
        return f"{self.asset} in {self.stage!r} version {self.version}"


def check(
    con: "DuckDBPyConnection", here: Standing, trigger: Trigger, causes: Sequence[str]
) -> None:
    """Check that `causes` name rows about `here` that justify `trigger`.

    Raises
    ------
    UncitedMoveError
        if a cause is unknown, spent or of another moment, or what is needed is not cited.
    """
    found = audit.find(con, causes)
    for cause in causes:
        _check_unspent(con, found.get(cause))
        _check_belongs(cause, found.get(cause), here)
    if trigger.islower():
        _check_decided(found.values(), here, trigger)
    if trigger in _OUTCOMES:
        _check_verdict(con, found.values(), here, trigger)


def lifts(changes: Mapping[str, Any]) -> bool:
    """Say whether a move lets an asset leave paper that was allowed on paper only."""
    return changes.get("paper_only") is False


def check_lift(con: "DuckDBPyConnection", here: Standing, causes: Sequence[str]) -> None:
    """Check that among `causes`, checked already, is a viability that has passed.

    Raises
    ------
    UncitedMoveError
        if there is none.
    """
    if not any(justifies_lift(entry) for entry in audit.find(con, causes).values()):
        raise UncitedMoveError(
            f"{here}: paper_only can be lifted by a viability verdict PASS alone; cite its id"
        )


def justifies_lift(entry: audit.Entry) -> bool:
    """Say whether a row of the audit lets an asset leave paper."""
    if entry.kind != "verdict":
        return False
    said = entry.body["verdict"]
    return (said["gate"], said["verdict"]) == ("viability", "PASS")


def _check_unspent(con: "DuckDBPyConnection", entry: audit.Entry | None) -> None:
    if entry is None or entry.kind != "approval":
        return
    for made in audit.citing(con, entry.asset, entry.id):
        raise SpentApprovalError(
            f"approval {entry.id!r} by {entry.body['approver']} was used by {made.id} "
            f"({made.body['from']} -> {made.body['to']}); one approval makes one move"
        )


def _check_belongs(cause: str, entry: audit.Entry | None, here: Standing) -> None:
    if entry is None:
        raise UncitedMoveError(f"{here}: cause {cause!r} is not in the audit; cite a recorded id")
    about = (entry.asset, entry.body.get("stage"), entry.body.get("version"))
    if about != tuple(here):
        raise UncitedMoveError(
            f"{here}: cause {cause!r} is about {about}; judge again and cite the new row"
        )


def _check_decided(found: Iterable[audit.Entry], here: Standing, trigger: Trigger) -> None:
    if not any(e.kind == "approval" and e.body["decision"] == trigger for e in found):
        raise UncitedMoveError(
            f"{here}: {trigger!r} needs an approval that decided so; cite its id"
        )


def _check_verdict(
    con: "DuckDBPyConnection", found: Iterable[audit.Entry], here: Standing, trigger: Trigger
) -> None:
    cited = [e.body["verdict"] for e in found if e.kind == "verdict"]
    fitting = [v["gate"] for v in cited if justifies(trigger, v)]
    if not fitting:
        wanted = " or ".join(_OUTCOMES[trigger])
        asks = _ASKS.get(trigger, (None,))
        asking = "" if None in asks else f" that asks for {asks[0]!r}"
        raise UncitedMoveError(
            f"{here}: {trigger!r} needs a verdict {wanted}{asking}; "
            f"cited: {', '.join(map(_said, cited)) or 'none'}"
        )
    latest = {
        e.body["verdict"]["gate"]: e.body["verdict"] for e in audit.about(con, "verdict", *here)
    }
    for gate in fitting:
        if not justifies(trigger, latest[gate]):
            raise UncitedMoveError(
                f"{here}: gate {gate!r} has said {_said(latest[gate])} since; cite its latest "
                "verdict"
            )


def justifies(trigger: Trigger, verdict: Mapping[str, Any]) -> bool:
    """Say whether a verdict, as it is kept, justifies a move on `trigger`."""
    if verdict["verdict"] not in _OUTCOMES.get(trigger, ()):
        return False
    return trigger not in _ASKS or verdict.get("asks") in _ASKS[trigger]


def _said(verdict: Mapping[str, Any]) -> str:
    asks = verdict.get("asks")
    return f"{verdict['verdict']} asking for {asks!r}" if asks else verdict["verdict"]
