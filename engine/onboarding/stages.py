"""The stages of onboarding and the moves between them, as one table.

What is not in `MOVES` is illegal. PASS and FAIL are verdicts of the stage's gate; STEP_DOWN and
PAPER are what a FAIL asks for in the ramp; KILL says that the kill switch has triggered; the
lower-case triggers are a person's decisions. NOT_YET, NO_DATA and ERROR never move anything:
missing evidence holds.
"""

from typing import Final, Literal, NamedTuple

Stage = Literal[
    "viability",
    "derive",
    "paper",
    "validation",
    "prelive",
    "ramp_25",
    "ramp_50",
    "ramp_75",
    "ramp_100",
    "rejected",
    "stopped",
    "halted",
]
Trigger = Literal[
    "PASS",
    "FAIL",
    "KILL",
    "PAPER_ONLY",
    "STEP_DOWN",
    "PAPER",
    "approve",
    "reject",
    "hold",
    "retune",
    "extend",
    "drop",
    "rearm",
]
EngineMode = Literal["paper", "live"]

STAGES: Final[tuple[Stage, ...]] = Stage.__args__
TRIGGERS: Final[tuple[Trigger, ...]] = Trigger.__args__


class IllegalMoveError(ValueError):
    """The table has no such move."""


class Move(NamedTuple):
    """Where a trigger leads, and whether it begins a new attempt."""

    to: Stage
    new_attempt: bool = False


MOVES: Final[dict[tuple[Stage, Trigger], Move]] = {
    ("viability", "PASS"): Move("derive"),
    # borderline, or no data yet: it may be tried on paper, never beyond validation
    ("viability", "PAPER_ONLY"): Move("derive"),
    ("viability", "FAIL"): Move("rejected"),
    ("derive", "PASS"): Move("paper"),
    ("derive", "FAIL"): Move("rejected"),
    ("paper", "PASS"): Move("validation"),
    ("paper", "FAIL"): Move("stopped"),  # a feedback loop is broken
    ("paper", "KILL"): Move("stopped"),
    ("validation", "PASS"): Move("prelive"),
    ("validation", "FAIL"): Move("stopped"),
    ("validation", "KILL"): Move("stopped"),
    # a checklist moves nothing by itself, neither way: real money begins with a person's word
    ("prelive", "approve"): Move("ramp_25"),
    ("prelive", "reject"): Move("rejected"),
    ("prelive", "hold"): Move("prelive"),
    # paper trades on while a person thinks, and its gate stays armed
    ("prelive", "FAIL"): Move("stopped"),
    ("prelive", "KILL"): Move("stopped"),
    ("ramp_25", "PASS"): Move("ramp_50"),
    ("ramp_25", "PAPER"): Move("paper", new_attempt=True),
    ("ramp_25", "KILL"): Move("halted"),
    ("ramp_50", "PASS"): Move("ramp_75"),
    ("ramp_50", "STEP_DOWN"): Move("ramp_25"),
    ("ramp_50", "PAPER"): Move("paper", new_attempt=True),
    ("ramp_50", "KILL"): Move("halted"),
    ("ramp_75", "PASS"): Move("ramp_100"),
    ("ramp_75", "STEP_DOWN"): Move("ramp_50"),
    ("ramp_75", "PAPER"): Move("paper", new_attempt=True),
    ("ramp_75", "KILL"): Move("halted"),
    ("ramp_100", "STEP_DOWN"): Move("ramp_75"),
    ("ramp_100", "PAPER"): Move("paper", new_attempt=True),
    ("ramp_100", "KILL"): Move("halted"),
    ("stopped", "retune"): Move("derive", new_attempt=True),
    ("stopped", "extend"): Move("validation"),
    ("stopped", "drop"): Move("rejected"),
    ("halted", "rearm"): Move("paper", new_attempt=True),
    ("halted", "drop"): Move("rejected"),
}

_FRACTIONS: Final[dict[Stage, float]] = {
    "paper": 1.0,
    "validation": 1.0,
    "prelive": 1.0,
    "ramp_25": 0.25,
    "ramp_50": 0.50,
    "ramp_75": 0.75,
    "ramp_100": 1.0,
}


def next_move(stage: Stage, trigger: Trigger, *, paper_only: bool = False) -> Move:
    """Return the move that `trigger` makes from `stage`.

    Raises
    ------
    IllegalMoveError
        if the table has none, or the asset is allowed on paper only and the move leaves it.

    Examples
    --------
    >>> next_move("ramp_50", "STEP_DOWN")
    Move(to='ramp_25', new_attempt=False)
    """
    move = MOVES.get((stage, trigger))
    if move is None:
        legal = [t for s, t in MOVES if s == stage]
        raise IllegalMoveError(
            f"trigger {trigger!r} does not move an asset in stage {stage!r}; "
            f"it moves on {', '.join(legal) or 'nothing: the stage is final'}"
        )
    if paper_only and stage == "validation" and move.to == "prelive":
        raise IllegalMoveError(
            f"trigger {trigger!r} may not move this asset from stage {stage!r} to {move.to!r}: "
            "its viability allows paper only"
        )
    return move


def moves(stage: Stage, trigger: str, *, paper_only: bool = False) -> bool:
    """Say whether `trigger`, any word at all, moves an asset in `stage`.

    >>> moves("paper", "NOT_YET"), moves("paper", "PASS")
    (False, True)
    """
    legal = (stage, trigger) in MOVES
    return legal and not (paper_only and stage == "validation" and trigger == "PASS")


def engine_mode(stage: Stage) -> EngineMode | None:
    """Return how an engine trades in `stage`; None where none does.

    >>> engine_mode("prelive"), engine_mode("ramp_25"), engine_mode("halted")
    ('paper', 'live', None)
    """
    if stage not in _FRACTIONS:
        return None
    return "live" if stage.startswith("ramp_") else "paper"


def fraction(stage: Stage) -> float:
    """Return the share of the capital an engine trades with in `stage`, 0 where none trades."""
    return _FRACTIONS.get(stage, 0.0)


def live_fraction(stage: Stage) -> float:
    """Return the share of the capital that is at risk in `stage`; on paper, none is."""
    return fraction(stage) if engine_mode(stage) == "live" else 0.0


def raises_capital(stage: Stage, to: Stage) -> bool:
    """Say whether a move puts more capital at risk.

    >>> raises_capital("prelive", "ramp_25"), raises_capital("ramp_75", "ramp_50")
    (True, False)
    """
    return live_fraction(to) > live_fraction(stage)


def needs_person(stage: Stage) -> bool:
    """Say whether `stage` waits for a person's decision."""
    return bool(decisions(stage))


def decisions(stage: Stage) -> tuple[Trigger, ...]:
    """Return what a person may decide in `stage`.

    >>> decisions("halted")
    ('rearm', 'drop')
    """
    return tuple(t for s, t in MOVES if s == stage and t.islower())


def run_id(asset: str, attempt: int, stage: Stage, version: int) -> str:
    """Return the id of the evidence that begins when `asset` enters `stage` at `version`.

    >>> run_id("hyna:BTC", 1, "ramp_25", 6)
    'hyna-btc-a1-ramp_25-v6'
    """
    return f"{asset}-a{attempt}-{stage}-v{version}".lower().replace(":", "-")
