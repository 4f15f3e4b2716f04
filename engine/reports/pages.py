"""The audit of one asset as pages: every look at a gate, and what followed.

A page is one gate on one evidence clock. An asset that is retuned, or steps back to a phase it has
left, starts another clock and so another page; one whose paper was extended goes on with its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from engine.gates.verdict import Verdict
from engine.onboarding.audit import Entry
from engine.onboarding.telling import Told, tell

_ASIDE = ("stopped", "halted")  # what a person decides there is about the gate that led there


class Look(NamedTuple):
    """One judgement as it was recorded, and where the asset stood; `id` names its audit row."""

    id: str
    ts_ns: int
    stage: str
    version: int
    verdict: Verdict


class Page(NamedTuple):
    """Every look at one gate on one evidence clock, oldest first, and the rows that followed.

    `run` names the clock; None where nothing trades.
    """

    gate: str
    attempt: int
    run: str | None
    looks: tuple[Look, ...]
    followed: tuple[Told, ...]

    @property
    def newest(self) -> Verdict:
        """What the gate said last."""
        return self.looks[-1].verdict

    @property
    def seen(self) -> str:
        """When and how often it was looked at, in words.

        One look needs no count; of many, the first and the last are named.
        """
        first, last = (utc(self.looks[at].ts_ns) for at in (0, -1))
        if len(self.looks) == 1:
            return f"one look, at {last}"
        return f"{len(self.looks)} looks, from {first} to {last}"


def pages(entries: Sequence[Entry], gate: str | None = None) -> list[Page]:
    """Return an asset's pages in the order of their first looks.

    Parameters
    ----------
    entries
        the asset's audit, oldest first.
    gate
        only pages of this gate; None for all.

    Raises
    ------
    ValueError
        if the asset was never judged, or never at this gate.
    """
    clocks = _clocks(entries)
    seen: dict[tuple[str, int, str | None], list[Look]] = {}
    for look in map(_look, (e for e in entries if e.kind == "verdict")):
        seen.setdefault((look.verdict.gate, *clocks[look.version]), []).append(look)
    _check_gate(gate, [known for known, *_ in seen])
    told = list(zip(entries, tell(entries), strict=True))
    return [
        Page(*clock, tuple(looks), tuple(_followed(told, looks)))
        for clock, looks in seen.items()
        if gate in (None, clock[0])
    ]


def utc(ts_ns: int) -> str:
    """Return a time as a page shows it.

    >>> utc(1_767_225_600_000_000_000)
    '2026-01-01 00:00 UTC'
    """
    return f"{datetime.fromtimestamp(ts_ns / 1e9, UTC):%Y-%m-%d %H:%M} UTC"


def _look(entry: Entry) -> Look:
    body = entry.body
    verdict = Verdict.model_validate(body["verdict"])
    return Look(entry.id, entry.ts_ns, body["stage"], body["version"], verdict)


def _clocks(entries: Iterable[Entry]) -> dict[int, tuple[int, str | None]]:
    """Return attempt and run by the version of the asset that stood on them."""
    clocks: dict[int, tuple[int, str | None]] = {1: (1, None)}
    for move in (e.body for e in entries if e.kind == "transition"):
        clocks[move["version"]] = move["attempt"], move["run"]
    return clocks


def _followed(told: Iterable[tuple[Entry, Told]], looks: Sequence[Look]) -> Iterator[Told]:
    """Give what was asked and answered where it was looked at, and the moves that cite it."""
    places = {(look.stage, look.version) for look in looks}
    citable = {look.id for look in looks}
    for entry, said in told:
        body = entry.body
        if entry.kind == "transition" and citable & set(body["causes"]):
            if body["to"] in _ASIDE:
                places.add((body["to"], body["version"]))
            yield said
        elif entry.kind in ("question", "approval") and (body["stage"], body["version"]) in places:
            citable.add(entry.id)
            yield said


def _check_gate(gate: str | None, known: Sequence[str]) -> None:
    if not known:
        raise ValueError("no gate has judged this asset yet; run `gangway onboard` first")
    if gate is not None and gate not in known:
        raise ValueError(
            f"gate {gate!r} has not judged this asset; {', '.join(dict.fromkeys(known))} have"
        )
