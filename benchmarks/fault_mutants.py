"""Does the fault simulation see anything? A gateway is broken on purpose, and sessions are counted.

``python -m benchmarks.fault_mutants [NAME ...]`` prints, for each mutant, how many sessions it took
to catch it and the law it broke, and exits with 1 where one was not caught. A mutant is one line of
`engine.gateway`, changed in a copy of the engine; the compiled maker is shared, so each takes about
half a minute.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
MOST = 20_000  # sessions
SHARED = ("kernels-base-*", "kernels-core-*", "kernels-sim-*")
_PLAY = """
import json, sys
from benchmarks.faults import sessions
for one in sessions().play(range(int(sys.argv[1]))):
    if one.broken:
        break
print(json.dumps([one.seed + 1, one.broken]))
"""


class Mutant(NamedTuple):
    """One way to get it wrong: text of a file of `engine/gateway`, and what is there instead."""

    name: str
    file: str
    text: str
    instead: str


class Caught(NamedTuple):
    """How many sessions it took, and the laws that were broken; none where it was not caught."""

    sessions: int
    laws: tuple[str, ...]


MUTANTS = (
    Mutant(
        "a timeout is taken for a failure",
        "gateway.py",
        "    elif e.kind == LOST:\n        doubt(g, o)\n",
        "    elif e.kind == LOST:\n        _never_was(g, o, NOBODY_KNOWS, post)\n",
    ),
    Mutant(
        "nonces are used again",
        "state.py",
        "    g.nonce = max(g.nonce + 1, max(g.now_ns, g.venue_ns) // MS)\n",
        "    g.nonce = max(g.now_ns, g.venue_ns) // MS\n",
    ),
    Mutant(
        "nothing is compared with the venue",
        "rounds.py",
        "    if r.is_wanted or g.now_ns >= r.next_ns:\n",
        "    if (r.is_wanted or g.now_ns >= r.next_ns) and g.opened_ns == 0:\n",
    ),
    Mutant(
        "fills are counted as often as they are told",
        "gateway.py",
        "        if g.seen[k] == e.id:\n",
        "        if g.seen[k] == e.id and k < 0:\n",
    ),
    Mutant(
        "the kill switch is forgotten at a restart",
        "gateway.py",
        "    rounds.drop(g)\n    for k",
        "    rounds.drop(g)\n    g.latched = 0\n    for k",
    ),
    Mutant(
        "what is on its way is no exposure",
        "live_orders.py",
        "        if o.state != FREE and o.side == side:\n",
        "        if o.state == OPEN and o.side == side:\n",
    ),
    Mutant(
        "a cancel is taken for done",
        "state.py",
        "    o.cancel_ns = g.now_ns\n",
        "    o.cancel_ns = g.now_ns\n    turn(o, FREE, g.now_ns)\n",
    ),
    Mutant(
        "an order that has ended is settled",
        "state.py",
        "    turn(o, SETTLING, g.now_ns)\n",
        "    turn(o, FREE, g.now_ns)\n",
    ),
    Mutant(
        "an order that is not found yet is given up",
        "gateway.py",
        "e.kind == NOT_FOUND and g.venue_ns > o.expires_ns + SURE_NS",
        "e.kind == NOT_FOUND",
    ),
    Mutant(
        "fills are asked for from now on only",
        "rounds.py",
        "    q.since_ns = max(g.opened_ns, r.told_ns - OVERLAP_NS)\n",
        "    q.since_ns = max(g.opened_ns, g.venue_ns)\n",
    ),
    Mutant(
        "a cancel is sent once",
        "gateway.py",
        "is_unwanted and g.now_ns - o.cancel_ns > ANSWER_NS:",
        "is_unwanted and o.cancel_ns == 0:",
    ),
    Mutant(
        "a position that agrees settles at once",
        "rounds.py",
        "    if r.agreed_ns > 0 and g.venue_ns - r.agreed_ns > LATE_NS:\n",
        "    if r.agreed_ns > 0:\n",
    ),
    Mutant(
        "a position from before an order's end settles it",
        "rounds.py",
        "        if o.state == SETTLING and o.ended_ns < seen_ns:\n",
        "        if o.state == SETTLING:\n",
    ),
)


def try_out(mutant: Mutant, most: int = MOST) -> Caught:
    """Play sessions of a mutant until a law is broken.

    Raises
    ------
    ValueError
        if the text of the mutant is not in its file, exactly once.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("engine", "policy", "benchmarks"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        _break(root / "engine" / "gateway" / mutant.file, mutant)
        _share_kernels(root / "kernels")
        env = os.environ | {"PYTHONPATH": folder, "GANGWAY_CACHE": str(root / "kernels")}
        command = [sys.executable, "-c", _PLAY, str(most)]
        said = subprocess.run(command, cwd=root, env=env, check=True, capture_output=True).stdout
    sessions, laws = json.loads(said)
    return Caught(sessions, tuple(laws))


def _break(path: Path, mutant: Mutant) -> None:
    source = path.read_text("utf-8")
    if source.count(mutant.text) != 1:
        raise ValueError(f"{mutant.name}: {path.name} must hold its text once: {mutant.text!r}")
    path.write_text(source.replace(mutant.text, mutant.instead), "utf-8")


def _share_kernels(to: Path) -> None:
    """Copy the kernels that a mutant leaves as they are, so that they need not be compiled."""
    compiled = Path(os.environ.get("GANGWAY_CACHE") or ROOT / "engine" / "__pycache__")
    to.mkdir()
    for pattern in SHARED:
        for folder in compiled.glob(pattern):
            shutil.copytree(folder, to / folder.name)


def main(names: list[str]) -> int:
    """Try mutants out, all of them by default; return the exit code."""
    chosen = [one for one in MUTANTS if not names or one.name in names]
    print("| a gateway in which | sessions | broken |\n|---|---:|---|")
    missed = 0
    for mutant in chosen:
        caught = try_out(mutant)
        missed += not caught.laws
        print(f"| {mutant.name} | {caught.sessions:,} | {', '.join(caught.laws) or 'NOTHING'} |")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
