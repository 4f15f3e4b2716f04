"""`gangway up`: server, worker and engine host on this machine, on loopback, until Ctrl-C.

All three are child processes in groups of their own. A child that dies is started again with
growing pauses; a stop signal stops all of them, the server last, and leaves no process behind.
"""

import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.runners.children import Child, python
from engine.runners.stopping import Stop, stop_signals
from flows.server import ROOT, environment, wait_until_ready

POOL = "gangway"
Say = Callable[[str], None]


@dataclass
class Stack:
    """Server, worker and engine host as one thing that is up or down."""

    home: Path
    port: int = 4200
    speed: float = 60.0
    config: Path = ROOT / "prefect.yaml"
    mean_mainnet: bool = False
    say: Say = print
    children: list[Child] = field(default_factory=list)

    @property
    def approvals_url(self) -> str:
        """Address of the list of runs that wait for a person."""
        return f"http://127.0.0.1:{self.port}/v2/runs?tags=needs-approval&state=Suspended"

    @property
    def env(self) -> dict[str, str]:
        """Environment of the children, and of anyone who wants to talk to this server."""
        return environment(self.home, self.port, self.config)

    def start(self) -> None:
        """Bring everything up, or raise and leave nothing running."""
        self._refuse_bad_start()
        self.home.mkdir(mode=0o750, parents=True, exist_ok=True)
        (self.home / "logs").mkdir(mode=0o750, exist_ok=True)
        (self.home / "prefect").mkdir(mode=0o700, exist_ok=True)  # the database holds the answers
        try:
            server = self._spawn("server", "prefect", "server", "start")
            wait_until_ready(server, self.port)
            self.say(f"server    http://127.0.0.1:{self.port}")
            self._run("deploy", "flows.deploy", "--alone")
            self.say(f"deployed  {self.config.name}")
            self._spawn("worker", "prefect", "worker", "start", "--pool", POOL, "--name", POOL)
            how = ["--home", str(self.home), "--speed", str(self.speed)]
            how += ["--i-mean-mainnet"] if self.mean_mainnet else []
            self._spawn("engines", "engine.runners.host", *how)
        except BaseException:
            self.stop()
            raise

    def watch(self, stop: Stop) -> None:
        """Keep the children alive until asked to stop."""
        while not stop.wait(0.5):
            for child in self.children:
                code = child.revive()
                if code is not None:
                    self.say(f"{child.name} ended with {code}; started again, see {child.log}")

    def stop(self) -> None:
        """Stop the children, last started first."""
        while self.children:
            self.children.pop().stop()

    def _refuse_bad_start(self) -> None:
        if not self.config.is_file():
            raise ValueError(f"deployments file {self.config} does not exist; run from a clone")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                raise ValueError(
                    f"port {self.port} is taken: stop what listens there "
                    "(an earlier `gangway up`?) or choose another with --port"
                )

    def _spawn(self, name: str, module: str, *args: str) -> Child:
        log = self.home / "logs" / f"{name}.log"
        child = Child(name, python(module, *args), self.env, log, ROOT)
        child.start()
        self.children.append(child)
        return child

    def _run(self, name: str, module: str, *args: str) -> None:
        """Run a step to its end; its output is in the error when it fails."""
        done = subprocess.run(
            python(module, *args),
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        (self.home / "logs" / f"{name}.log").write_text(done.stdout + done.stderr)
        if done.returncode:
            raise RuntimeError(f"{name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def up(
    home: Path,
    port: int = 4200,
    speed: float = 60.0,
    *,
    mean_mainnet: bool = False,
    say: Say = print,
) -> None:
    """Run Gangway on this machine until SIGINT or SIGTERM.

    Parameters
    ----------
    home
        directory of all state, Prefect's too.
    port
        loopback port of the server and its pages.
    speed
        how many times faster than the clock the simulated venue runs.
    mean_mainnet
        whether engines may send orders to mainnet.
    say
        receives one line per thing that happens.

    Raises
    ------
    ValueError
        if the port is taken or there is nothing to deploy.
    """
    stack = Stack(home.resolve(), port, speed, mean_mainnet=mean_mainnet, say=say)
    try:
        stack.start()  # interrupted here, it takes down what it has brought up
        with stop_signals() as stop:
            say(f"approvals {stack.approvals_url}")
            say("Ctrl-C stops everything")
            stack.watch(stop)
    finally:
        say("stopping")
        stack.stop()
