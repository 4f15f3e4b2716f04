"""Where each asset stands, changed by compare-and-set and explained by the audit.

Two runs may work on one asset at once; each says which (stage, version) it saw, and only one of
them moves it. A move and the audit row that explains it are one transaction.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from engine.config import AssetSpec, MakerConfig
from engine.onboarding import approvals, audit, line, proof
from engine.onboarding.approvals import StaleApprovalError
from engine.onboarding.causes import Standing, check, check_lift, lifts
from engine.onboarding.line import StoppedLineError
from engine.onboarding.stages import (
    Move,
    Stage,
    Trigger,
    decisions,
    engine_mode,
    next_move,
    raises_capital,
    run_id,
)
from engine.onboarding.transaction import transaction

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_COLUMNS = "asset, spec, stage, version, attempt, run, paper_only, entered_ns, facts, config"
_SELECT = f"SELECT {_COLUMNS} FROM asset_state"  # noqa: S608
_ENROLL = (
    "INSERT INTO asset_state VALUES (?, ?, 'viability', 1, 1, NULL, NULL, false, ?, NULL, NULL)"
)
_CHANGES = {"facts", "config", "paper_only"}


class UnknownAssetError(ValueError):
    """The asset was never enrolled."""


class AssetState(BaseModel):
    """Where one asset stands; `version` counts its moves and `run` names its evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: str
    spec: AssetSpec
    stage: Stage
    version: int
    attempt: int
    run: str | None
    paper_only: bool
    entered_ns: int
    facts: dict[str, Any] | None
    config: MakerConfig | None


class OnboardingStore:
    """Assets and their audit, over the DuckDB connection of whoever owns the store."""

    def __init__(self, con: "DuckDBPyConnection") -> None:
        self._con = con

    def enroll(self, spec: AssetSpec, now_ns: int) -> AssetState:
        """Put an asset at the start; one already enrolled with the same spec stays where it is.

        Raises
        ------
        ValueError
            if it is enrolled with another spec, naming the fields that differ.
        """
        known = self._find(spec.asset)
        if known is not None:
            _same_spec(known.spec, spec)
            return known
        with transaction(self._con):
            self._con.execute(_ENROLL, [spec.asset, spec.model_dump_json(), now_ns]).fetchall()
            body = {"what": "enrolled", "spec": spec.model_dump(mode="json")}
            audit.append(self._con, "note", spec.asset, body, now_ns)
        return self.get(spec.asset)

    def get(self, asset: str) -> AssetState:
        """Return where `asset` stands."""
        state = self._find(asset)
        if state is None:
            raise UnknownAssetError(f"asset {asset!r} is not enrolled; enroll it first")
        return state

    def all(self) -> list[AssetState]:
        """Return every asset, by name."""
        rows = self._con.execute(f"{_SELECT} ORDER BY asset").fetchall()
        return [_state(row) for row in rows]

    def record_verdict(self, asset: str, verdict: Mapping[str, Any], now_ns: int) -> str:
        """Keep a gate's verdict on the asset's present stage and version; return its id.

        `verdict` is the verdict as plain JSON, with at least ``gate`` and ``verdict``.
        """
        if missing := {"gate", "verdict"} - verdict.keys():
            raise ValueError(f"verdict on {asset} lacks {sorted(missing)}")
        with transaction(self._con):
            state = self.get(asset)
            body = {"stage": state.stage, "version": state.version, "verdict": dict(verdict)}
            return audit.append(self._con, "verdict", asset, body, now_ns)

    def ask(
        self, asset: str, stage: Stage, version: int, asked_by: str, now_ns: int
    ) -> audit.Entry:
        """Keep the question of (asset, stage, version) with what it is asked on; return it.

        The same asker (a flow run that was suspended meanwhile) is given the question it has asked.

        Raises
        ------
        StaleApprovalError
            if the asset has moved on.
        """
        with transaction(self._con):
            about = self._here(asset, stage, version)
            return approvals.ask(self._con, *about, asked_by, now_ns)

    def record_approval(
        self,
        asset: str,
        stage: Stage,
        version: int,
        decision: str,
        approver: str,
        note: str,
        now_ns: int,
        question: str | None = None,
    ) -> str:
        """Keep a person's answer to the question of (asset, stage, version); return its id.

        Parameters
        ----------
        question
            id of the question that was answered; None asks and answers at once.

        Raises
        ------
        StaleApprovalError
            if the asset has moved on, the question was answered already or has expired, or what it
            was asked on has changed.
        ValueError
            if the stage knows no such decision, or nobody signed it.
        """
        chosen = _decision(stage, decision)
        if not approver.strip():
            raise ValueError(f"approver {approver!r} must name a person")
        with transaction(self._con):
            here, config_hash = self._here(asset, stage, version)
            self._check_unanswered(here, now_ns)
            asked = approvals.asked(self._con, here, config_hash, question, now_ns)
            body = approvals.approval_body(asked, chosen, approver.strip(), note, now_ns)
            return audit.append(self._con, "approval", asset, body, now_ns)

    def answer(self, asset: str, now_ns: int | None = None) -> audit.Entry | None:
        """Return the answer already given to the asset's present question, if it counts still.

        A process may die between recording an answer and moving on it; whoever comes next finds
        the answer here. One that has expired, or was given on evidence that has changed, is none.

        Parameters
        ----------
        now_ns : [ns]
            the time; None takes that of what was recorded last.
        """
        state = self.get(asset)
        here, config_hash = _standing(state), _config_hash(state)
        found = audit.about(self._con, "approval", *here)
        if not found or approvals.why_lapsed(self._con, found[-1], here, config_hash, now_ns):
            return None
        return found[-1]

    def move(
        self,
        asset: str,
        stage: Stage,
        version: int,
        trigger: Trigger,
        causes: Sequence[str],
        now_ns: int,
        **changes: Any,
    ) -> AssetState | None:
        """Move the asset if it still stands at (stage, version); return None if it does not.

        Parameters
        ----------
        asset, stage, version
            what the caller saw when it decided.
        trigger
            a row of `engine.onboarding.stages.MOVES`.
        causes
            ids of the verdict, and of the approval where a person decides, that justify the move.
        now_ns : [ns]
            the time of the move.
        **changes
            ``facts``, ``config`` or ``paper_only``, set together with the stage; that an asset may
            leave paper cites a viability that has passed.

        Raises
        ------
        IllegalMoveError
            if the table has no such move, or the asset is on paper only.
        UncitedMoveError
            if the causes do not justify it, or an approval among them is spent or has lapsed.
        StoppedLineError
            if it puts more capital at risk while the line is stopped.
        """
        _check_changes(changes)
        with transaction(self._con):
            state = self.get(asset)
            if (state.stage, state.version) != (stage, version):
                return None
            move = next_move(stage, trigger, paper_only=changes.get("paper_only", state.paper_only))
            if raises_capital(stage, move.to) and (why := line.stopped(self._con)):
                raise StoppedLineError(f"{_standing(state)}: the line is stopped: {why}")
            check(self._con, _standing(state), trigger, causes)
            if lifts(changes):
                check_lift(self._con, _standing(state), causes)
            if trigger.islower():
                about = _standing(state), _config_hash(state)
                approvals.check_use(self._con, *about, trigger, causes, now_ns)
            return self._apply(state, move, trigger, causes, now_ns, changes)

    def set_facts(self, asset: str, facts: Mapping[str, Any], now_ns: int) -> AssetState:
        """Keep the market facts the asset was judged by, and note them in the audit."""
        return self._set(asset, "facts", dict(facts), now_ns)

    def set_config(self, asset: str, config: MakerConfig, now_ns: int) -> AssetState:
        """Keep the derived configuration, and note it in the audit."""
        return self._set(asset, "config", config.model_dump(mode="json"), now_ns)

    def note(self, asset: str, body: Mapping[str, Any], now_ns: int) -> str:
        """Keep a remark on the asset; return its id."""
        with transaction(self._con):
            return audit.append(self._con, "note", self.get(asset).asset, body, now_ns)

    def history(self, asset: str) -> list[audit.Entry]:
        """Return everything recorded about the asset, oldest first."""
        return audit.read(self._con, asset)

    def verify(self) -> proof.Proof:
        """Check the audit's chain, that each move is justified, and where each asset stands.

        Raises
        ------
        AuditError
            naming the row that was edited, deleted or put elsewhere, or lacks what justifies it.
        """
        rows, head = audit.verify(self._con)
        states, given = self.all(), 0
        for state in states:
            entries = audit.read(self._con, state.asset)
            proof.check(entries)
            proof.check_standing(state.asset, state.stage, state.version, entries)
            given += sum(e.kind == "approval" for e in entries)
        return proof.Proof(rows, len(states), given, head)

    def _apply(
        self,
        state: AssetState,
        move: Move,
        trigger: Trigger,
        causes: Sequence[str],
        now_ns: int,
        changes: dict[str, Any],
    ) -> AssetState | None:
        version = state.version + 1
        attempt = state.attempt + move.new_attempt
        run, run_mode = self._run_after(state, move.to, attempt, version)
        staying = move.to == state.stage
        values = {
            "stage": move.to,
            "version": version,
            "attempt": attempt,
            "run": run,
            "run_mode": run_mode,
            "paper_only": state.paper_only or trigger == "PAPER_ONLY",
            "entered_ns": state.entered_ns if staying else now_ns,
            **{name: _stored(value) for name, value in changes.items()},
        }
        if not self._compare_and_set(state, values):
            return None
        body = {"from": state.stage, "to": move.to, "version": version, "attempt": attempt}
        body |= {"trigger": trigger, "run": run, "causes": list(causes)}
        body |= {"changes": {n: _plain(v) for n, v in changes.items()}}
        audit.append(self._con, "transition", state.asset, body, now_ns)
        return self.get(state.asset)

    def _run_after(
        self, state: AssetState, to: Stage, attempt: int, version: int
    ) -> tuple[str | None, str | None]:
        """Return the run whose evidence counts after the move, and how it trades."""
        rows = self._con.execute("SELECT run_mode FROM asset_state WHERE asset = ?", [state.asset])
        run_mode: str | None = rows.fetchall()[0][0]
        mode = engine_mode(to)
        if to == "derive":
            return None, None
        # paper evidence must not continue a live run: `extend` after a failed ramp starts afresh
        fresh = mode is not None and (to == "paper" or mode == "live" or mode != run_mode)
        if fresh:
            return run_id(state.asset, attempt, to, version), mode
        return state.run, run_mode

    def _compare_and_set(self, state: AssetState, values: dict[str, Any]) -> bool:
        assignments = ", ".join(f"{name} = ?" for name in values)
        sql = f"UPDATE asset_state SET {assignments} WHERE asset = ? AND stage = ? AND version = ?"  # noqa: S608
        key = [state.asset, state.stage, state.version]
        return self._con.execute(sql, [*values.values(), *key]).fetchall()[0][0] == 1

    def _set(self, asset: str, name: str, value: dict[str, Any], now_ns: int) -> AssetState:
        with transaction(self._con):
            self.get(asset)
            sql = f"UPDATE asset_state SET {name} = ? WHERE asset = ?"  # noqa: S608
            self._con.execute(sql, [audit.canonical(value), asset]).fetchall()
            audit.append(self._con, "note", asset, {"what": name, name: value}, now_ns)
        return self.get(asset)

    def _here(self, asset: str, stage: Stage, version: int) -> tuple[Standing, str | None]:
        state = self.get(asset)
        if (state.stage, state.version) != (stage, version):
            raise StaleApprovalError(
                f"the answer is to {asset} in {stage!r} version {version}, which now stands in "
                f"{state.stage!r} version {state.version}; answer the newer question"
            )
        return _standing(state), _config_hash(state)

    def _check_unanswered(self, here: Standing, now_ns: int) -> None:
        given = self.answer(here.asset, now_ns)
        if given is not None:
            raise StaleApprovalError(
                f"{here} was answered {given.body['decision']!r} "
                f"by {given.body['approver']}; an answer cannot be given twice"
            )

    def _find(self, asset: str) -> AssetState | None:
        sql = f"{_SELECT} WHERE asset = ?"
        rows = self._con.execute(sql, [asset]).fetchall()
        return _state(rows[0]) if rows else None


def _state(row: tuple[Any, ...]) -> AssetState:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    for name in ("spec", "facts", "config"):
        if values[name] is not None:
            values[name] = json.loads(values[name])
    return AssetState.model_validate(values)


def _standing(state: AssetState) -> Standing:
    return Standing(state.asset, state.stage, state.version)


def _config_hash(state: AssetState) -> str | None:
    return state.config.fingerprint() if state.config else None


def _decision(stage: Stage, decision: str) -> Trigger:
    for trigger in decisions(stage):
        if trigger == decision:
            return trigger
    legal = ", ".join(decisions(stage)) or "nothing"
    raise ValueError(f"decision {decision!r} is not open in stage {stage!r}; one may: {legal}")


def _same_spec(known: AssetSpec, asked: AssetSpec) -> None:
    old, new = known.model_dump(), asked.model_dump()
    if differing := [name for name in old if old[name] != new[name]]:
        words = ", ".join(f"{n} is {old[n]!r}, not {new[n]!r}" for n in differing)
        raise ValueError(
            f"{known.asset} is enrolled already and {words}; "
            "ask with the same values, or use another GANGWAY_HOME"
        )


def _check_changes(changes: Mapping[str, Any]) -> None:
    if unknown := changes.keys() - _CHANGES:
        raise ValueError(
            f"a move cannot change {sorted(unknown)}; it may change {sorted(_CHANGES)}"
        )


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _stored(value: Any) -> Any:
    plain = _plain(value)
    return audit.canonical(plain) if isinstance(plain, Mapping) else plain
