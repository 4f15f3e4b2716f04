"""Real processes killed at random moments, and what they had afterwards beside what is true.

``python -m benchmarks.chaos --minutes 10`` starts a loopback exchange, the engine host with its
live engines, and the guard, all in a home of their own; kills them with SIGKILL, alone and several
at once, and starts them again after a while; lets an engine or the exchange stand still with
SIGSTOP, and go on as if nothing had been; lets every write of an engine fail, as on a full disk;
stops everything in order, and compares. It ends with 1 where a fill was lost or doubled, a position
or a fee differs, an order outlived its engine for too long, the exchange forgot what it had told,
or a process ended by itself or with a traceback.

An order that no engine answers for may rest for the guard's patience, `GONE_S` where the engine was
killed and `DEAD_S` where it stands still, and for `SWEEP_S`: the guard looks once a second, asks
for each dex, signs, and waits for the block, and we look twice a second. Where the guard or the
exchange was away, too, the time counts from its return; how long the guard took to come back is
printed beside it.
"""

import argparse
import contextlib
import math
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.chaos_processes import Processes, wait_for
from benchmarks.chaos_taker import Taker
from benchmarks.chaos_witness import Fill, Witness
from engine.runners.guard import DEAD_S, GONE_S
from engine.store.metrics import Metrics

ASSETS = ("HYPE", "hyna:LIT")
SWEEP_S = 5.0
EVERY_S, AWAY_S = (3.0, 35.0), (0.3, 12.0)  # between two rounds of kills, and until the restart
FROZEN_S = (3.0, 30.0)
SETTLE_S = 15.0
CENT_USD = 0.005
KILLS = {
    ("an engine",): 4,
    ("all engines",): 2,
    ("host",): 2,
    ("localnet",): 2,
    ("guard",): 1,
    ("guard", "all engines"): 1,
    ("host", "all engines"): 1,
    ("localnet", "an engine"): 1,
    ("localnet", "host", "guard", "all engines"): 1,
    ("an engine, frozen",): 3,
    ("an engine, its disk full",): 2,
    ("localnet, frozen",): 1,
}
STRIKES = {
    "an engine": Processes.kill_engine,
    "all engines": Processes.kill_engine,
    "an engine, frozen": Processes.freeze_engine,
    "an engine, its disk full": Processes.fill_disk_of_engine,
}
TROUBLE = re.compile(r"Traceback|nanobind|Exception ignored|Segmentation|Task exception")


@dataclass
class Outcome:
    """What a run of chaos came to."""

    kills: Counter[str] = field(default_factory=Counter)
    fills: int = 0
    volume_usd: float = 0.0
    fees_usd: float = 0.0
    orphans: int = 0
    longest_s: float = 0.0
    longest_frozen_s: float = 0.0
    looks: int = 0
    guard_start_s: float = 0.0
    takes: int = 0
    latched: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def play(folder: Path, minutes: float, seed: int, assets: tuple[str, ...] = ASSETS) -> Outcome:
    """Kill processes for some minutes; return what came of it.

    Parameters
    ----------
    folder
        an empty one, for the exchange, the home, the keys and the logs.
    """
    processes, outcome = Processes(folder, assets), Outcome()
    with contextlib.ExitStack() as stack:
        stack.callback(processes.close)
        processes.open()
        witness = stack.enter_context(contextlib.closing(Witness(processes)))
        wait_for(processes.are_settled, "every engine beats")
        witness.start()
        with contextlib.closing(Taker(processes, witness)) as taker:
            taker.start(seed)
            _kill(processes, minutes, random.Random(seed), outcome)
            wait_for(processes.are_settled, "every engine beats again, or was stopped for good")
            time.sleep(SETTLE_S)
        outcome.takes = taker.takes
        _stop(processes, witness, outcome)
        _compare(processes, witness, outcome)
        outcome.broken += [] if processes.stop("localnet") == 0 else ["localnet did not end well"]
    outcome.broken += _troubles(processes)
    return outcome


def _kill(processes: Processes, minutes: float, dice: random.Random, outcome: Outcome) -> None:
    end_s = time.monotonic() + 60.0 * minutes
    while time.monotonic() < end_s:
        time.sleep(dice.uniform(*EVERY_S))
        for name, child in processes.children.items():
            if child.code is not None:
                outcome.broken.append(f"{name} ended by itself with {child.code}")
        (victims,) = dice.choices(list(KILLS), list(KILLS.values()))
        outcome.kills[" + ".join(victims)] += 1
        backs = [back for victim in victims for back in _strike(processes, victim, dice)]
        time.sleep(dice.uniform(*(FROZEN_S if "frozen" in victims[0] else AWAY_S)))
        for back in backs:
            back()


def _strike(processes: Processes, victim: str, dice: random.Random) -> list[Callable[[], None]]:
    """Do to a victim what it is named after; return what brings it back where nobody else does."""
    if victim in processes.children:
        processes.kill(victim)
        return [partial(processes.start, victim)]
    if victim == "localnet, frozen":
        processes.tell("localnet", signal.SIGSTOP)
        return [partial(processes.tell, "localnet", signal.SIGCONT)]
    doomed = dice.sample(processes.assets, len(processes.assets))
    hit = (asset for asset in doomed if STRIKES[victim](processes, asset))
    hit = list(islice(hit, None if victim == "all engines" else 1))
    return [partial(processes.thaw_engine, asset) for asset in hit if asset in processes.frozen]


def _stop(processes: Processes, witness: Witness, outcome: Outcome) -> None:
    """Stop the host, and with it the engines, then the guard; nothing may rest."""
    for name in ("host", "guard"):
        if (code := processes.stop(name)) != 0:
            outcome.broken.append(f"{name} ended with {code}")
        rest = witness.open_orders()
        outcome.broken += [f"{len(rest)} orders rest after {name} has ended"] if rest else []
    witness.stop()
    if not witness.look():
        outcome.broken.append("the exchange does not answer at the end")


def _compare(processes: Processes, witness: Witness, outcome: Outcome) -> None:
    """Hold the metrics against the exchange."""
    witness.hear_fills()
    with Metrics.open(processes.home) as metrics:
        metrics.ingest()
        sql = "SELECT tid, asset, side, px, sz, fee_usd FROM fills"
        rows = metrics.con.execute(sql).fetchall()
    ours = {tid: Fill(*rest) for tid, *rest in rows}
    outcome.broken += [f"{len(rows) - len(ours)} fills doubled"] if len(rows) > len(ours) else []
    outcome.broken += [
        f"fill {tid} lost: {f}" for tid, f in witness.fills.items() if tid not in ours
    ]
    outcome.broken += [f"fill {tid} invented" for tid in ours if tid not in witness.fills]
    for tid, fill in witness.fills.items():
        if tid in ours and not _same(ours[tid], fill):
            outcome.broken.append(f"fill {tid} differs: {ours[tid]}, {fill}")
    for asset in processes.assets:
        held = witness.position(asset)
        booked = sum(fill.side * fill.sz for fill in ours.values() if fill.asset == asset)
        if not math.isclose(held, booked, abs_tol=1e-9):
            outcome.broken.append(f"position of {asset} is {held}, booked are {booked}")
    outcome.fills, outcome.looks = len(witness.fills), witness.looks
    outcome.volume_usd = sum(fill.px * fill.sz for fill in witness.fills.values())
    outcome.fees_usd = sum(fill.fee for fill in witness.fills.values())
    outcome.longest_s = max(witness.orphaned_s.values(), default=0.0)
    outcome.longest_frozen_s = max(witness.frozen_s.values(), default=0.0)
    outcome.orphans = len(witness.orphaned_s) + len(witness.frozen_s)
    outcome.guard_start_s = processes.longest_start_s
    outcome.latched = processes.latched()
    outcome.broken += [f"the exchange forgot {what}" for what in witness.forgotten]
    if outcome.longest_s > GONE_S + SWEEP_S:
        outcome.broken.append(f"an order outlived its engine by {outcome.longest_s:.1f} s")
    if outcome.longest_frozen_s > DEAD_S + SWEEP_S:
        outcome.broken.append(f"one of a frozen engine rested {outcome.longest_frozen_s:.1f} s")


def _same(ours: Fill, theirs: Fill) -> bool:
    return (ours.asset, ours.side, ours.px, ours.sz) == theirs[:4] and (
        abs(ours.fee - theirs.fee) < CENT_USD
    )


def _troubles(processes: Processes) -> list[str]:
    logs = [*processes.logs.glob("*.log"), *(Path(processes.home.root) / "logs").glob("*.log")]
    found = []
    for log in logs:
        text = log.read_text(errors="replace")
        if trouble := TROUBLE.search(text):
            found.append(f"{log}: {text[trouble.start() :][:2000]}")
    return found


def table(outcome: Outcome) -> str:
    """Return it as Markdown."""
    rows = {kind: f"{n} times" for kind, n in sorted(outcome.kills.items())} | {
        "orders taken by somebody else": f"{outcome.takes:,}",
        "our fills": f"{outcome.fills:,}, ${outcome.volume_usd:,.0f}",
        "fees": f"${outcome.fees_usd:.2f}",
        "looks from outside": f"{outcome.looks:,}",
        "orders seen without an engine": f"{outcome.orphans:,}",
        "the longest, of one killed": f"{outcome.longest_s:.1f} s of {GONE_S + SWEEP_S:g}",
        "the longest, of one frozen": f"{outcome.longest_frozen_s:.1f} s of {DEAD_S + SWEEP_S:g}",
        "longest until the guard was back, the exchange too": f"{outcome.guard_start_s:.1f} s",
    }
    rows |= {f"kill switch of {asset}": why for asset, why in outcome.latched.items()}
    lines = [f"| {what} | {figure} |" for what, figure in rows.items()]
    return "\n".join(["| what | figure |", "|---|---:|", *lines, ""])


def main(argv: list[str] | None = None) -> int:
    """Print what came of it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--assets", default=",".join(ASSETS))
    parser.add_argument("--keep", type=Path, default=None, help="folder to leave everything in")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        outcome = play(
            args.keep or Path(folder), args.minutes, args.seed, tuple(args.assets.split(","))
        )
    print(table(outcome))
    print("\n".join(outcome.broken) or "Nothing is broken.")
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
