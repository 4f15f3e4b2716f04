"""The real processes of a desk on loopback: an exchange, the engine host, engines, and a guard."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from engine.config import AssetSpec
from engine.derive.decisions import derive_config
from engine.derive.facts import MarketFacts
from engine.gates.verdict import Verdict
from engine.onboarding.stages import MOVES
from engine.onboarding.store import AssetState, OnboardingStore
from engine.policy import load_policy
from engine.runners.children import Child, python
from engine.runners.live.heartbeat import Beat, read_beats
from engine.runners.live.latch import read_latch
from engine.runners.live.venue_file import read_venue
from engine.runners.market_source import market_of_spec
from engine.store.home import Home
from engine.store.metrics import Metrics
from flows.server import ROOT, free_port

VENUE, STAGE = "localnet", "ramp_100"
CAPITAL_USD, FUNDS_USD = 1_000.0, 100_000.0
MARKET_SPEED = 10.0  # more trades, so more fills
PATIENCE_S = 90.0


class Processes:
    """Everything that may be killed, and started again.

    Attributes
    ----------
    account
        the address that trades.
    engine_died_s
        by asset, when its engine was killed or frozen [s, monotonic].
    frozen
        assets whose engine is frozen.
    longest_start_s
        of the guard, from its start to its first look.
    """

    def __init__(self, folder: Path, assets: tuple[str, ...]) -> None:
        self.home, self.folder, self.assets = Home(folder / "home"), folder, assets
        self.url = f"http://127.0.0.1:{free_port()}"
        self.account = ""
        self.longest_start_s = 0.0
        self._guard: float | None = None
        self._guard_log = 0
        self.engine_died_s: dict[str, float] = {}
        self.frozen: set[str] = set()
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.children: dict[str, Child] = {}

    def open(self) -> None:
        """Start the exchange with an account on it, put the assets live, and start the rest."""
        listed = ["--assets", ",".join(self.assets), "--desk", str(FUNDS_USD)]
        self._add("localnet", "flows.cli", *self._localnet(), *listed)
        self.start("localnet")
        # a second start goes on with the assets and the account of the first
        self.children["localnet"].argv = python("flows.cli", *self._localnet())
        log = self.children["localnet"].log
        wait_for(lambda: b"  venue  " in log.read_bytes(), "there is an account")
        self.account = read_venue(self.home, VENUE).account
        for asset in self.assets:
            go_live(self.home, AssetSpec(asset=asset, capital_usd=CAPITAL_USD, venue=VENUE))
        where = ("--home", str(self.home.root))
        self._add("host", "engine.runners.host", *where)
        dexes = sorted({asset.rpartition(":")[0] for asset in self.assets} - {""})
        watched = [word for dex in dexes for word in ("--dex", dex)]
        self._add("guard", "flows.cli", "guard", VENUE, *watched, *where)
        self.start("guard")
        wait_for(lambda: self.guard_since_s() is not None, "the guard guards")
        self.start("host")

    def start(self, name: str) -> None:
        """Start one process."""
        child = self.children[name]
        if name == "guard":
            self._guard_log = child.log.stat().st_size if child.log.exists() else 0
        child.start()

    def kill(self, name: str) -> None:
        """Kill one process on the spot."""
        process = self.children[name].process
        if process is not None:
            process.kill()
            process.wait()
        if name == "guard":
            self._guard = None

    def kill_engine(self, asset: str) -> bool:
        """Kill the engine of an asset on the spot; return whether there was one."""
        if is_there := self._signal_engine(asset, signal.SIGKILL):
            self.engine_died_s[asset] = time.monotonic()
        return is_there

    def freeze_engine(self, asset: str) -> bool:
        """Let the engine of an asset stand still; return whether there was one."""
        if is_there := self._signal_engine(asset, signal.SIGSTOP):
            self.engine_died_s[asset] = time.monotonic()
            self.frozen.add(asset)
        return is_there

    def thaw_engine(self, asset: str) -> None:
        """Let it go on."""
        self._signal_engine(asset, signal.SIGCONT)
        self.frozen.discard(asset)

    def fill_disk_of_engine(self, asset: str) -> bool:
        """Let every write of the engine of an asset fail; return whether there was one."""
        pids = self._pids(asset)
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
        return bool(pids)

    def tell(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one process, where it is there."""
        process = self.children[name].process
        if process is not None:
            process.send_signal(number)

    def stop(self, name: str) -> int | None:
        """Ask one process to end, and return its exit code; None where it had to be killed."""
        process = self.children[name].process
        if process is None:
            return None
        process.terminate()
        if name == "guard":
            self._guard = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(PATIENCE_S)
        process.kill()
        return None

    def close(self) -> None:
        """Stop whatever still lives."""
        for child in self.children.values():
            child.stop()

    def guard_since_s(self) -> float | None:
        """Return since when the guard has been guarding [s, monotonic]; None while it is not."""
        guard = self.children["guard"]
        if self._guard is not None or guard.code is not None:
            return self._guard
        if b"guarding" in guard.log.read_bytes()[self._guard_log :]:
            self._guard = time.monotonic()
            self.longest_start_s = max(self.longest_start_s, self._guard - guard.started_s)
        return self._guard

    def answered_for(self) -> set[str]:
        """Return the assets whose last heartbeat is of a process that lives and runs."""
        beats = [one for one in read_beats(self.home) if isinstance(one, Beat)]
        return {one.asset for one in beats if one.pid in self._pids(one.asset)} - self.frozen

    def latched(self) -> dict[str, str]:
        """Return the assets whose kill switch has tripped, and why."""
        found = {asset: read_latch(self.home, asset) for asset in self.assets}
        return {asset: why for asset, why in found.items() if why is not None}

    def are_settled(self) -> bool:
        """Say whether every asset has a living engine, or was stopped for good."""
        return self.answered_for() | set(self.latched()) == set(self.assets)

    def _signal_engine(self, asset: str, number: signal.Signals) -> bool:
        pids = self._pids(asset)
        for pid in pids:
            os.kill(pid, number)
        return bool(pids)

    def _pids(self, asset: str) -> list[int]:
        words = ["engine.runners.live.engine", asset, "--home", str(self.home.root)]
        return [int(path.name) for path in Path("/proc").iterdir() if _runs(path, words)]

    def _localnet(self) -> list[str]:
        port, state = self.url.rpartition(":")[2], str(self.folder / "exchange")
        fast = ["--news-ms", "50", "--book-ms", "500", "--no-ip-limits"]
        speed = ["--speed", str(MARKET_SPEED)]
        return ["localnet", "--port", port, "--state", state, *fast, *speed]

    def _add(self, name: str, module: str, *args: str) -> None:
        env = os.environ | {"GANGWAY_HOME": str(self.home.root)}
        self.children[name] = Child(
            name, python(module, *args), env, self.logs / f"{name}.log", ROOT
        )


def go_live(home: Home, spec: AssetSpec, facts: MarketFacts | None = None) -> AssetState:
    """Put an asset at full capital, every move cited as the store demands.

    What is known of its market is that of the simulated asset of this name where absent.
    """
    now_ns = time.time_ns()
    sim = spec.model_copy(update={"venue": "sim"})
    facts = facts or market_of_spec(sim, hours=1).facts(spec.asset, 0)
    config, _ = derive_config(spec, facts, load_policy())
    changes = {"viability": {"facts": facts.model_dump(mode="json")}, "derive": {"config": config}}
    with Metrics.open(home) as metrics:
        store = OnboardingStore(metrics.con)
        state = store.enroll(spec, now_ns)
        while state.stage != STAGE:
            here = (state.asset, state.stage, state.version)
            said = _passed(state, now_ns).model_dump(mode="json")
            causes = [store.record_verdict(state.asset, said, now_ns)]
            trigger = "PASS" if (state.stage, "PASS") in MOVES else "approve"
            if trigger == "approve":
                causes.append(store.record_approval(*here, trigger, "chaos", "", now_ns))
            moved = store.move(*here, trigger, causes, now_ns, **changes.get(state.stage, {}))
            if moved is None:
                raise RuntimeError(f"{spec.asset} was moved by somebody else")
            state = moved
    return state


def wait_for(holds: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until something holds, and no longer than `patience_s`."""
    end_s = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > end_s:
            raise TimeoutError(f"after {patience_s:.0f} s it still did not hold that {what}")
        time.sleep(0.1)


def _runs(path: Path, words: list[str]) -> bool:
    if not path.name.isdecimal():
        return False
    try:
        return (path / "cmdline").read_bytes().split(b"\0")[2:6] == [w.encode() for w in words]
    except OSError:
        return False


def _passed(state: AssetState, now_ns: int) -> Verdict:
    return Verdict(
        gate="loops" if state.stage == "paper" else state.stage,
        asset=state.asset,
        verdict="PASS",
        criteria=(),
        hours=0.0,
        hours_needed=0.0,
        more_hours=0.0,
        words="PASS: put there to be killed.",
        policy_hash="0" * 64,
        code_version="0" * 64,
        ts_ns=now_ns,
    )
