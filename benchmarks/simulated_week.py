"""Time one simulated week of the maker on the synthetic market, beside the same code uncompiled.

``python -m benchmarks.simulated_week`` prints a line for one maker, as a live run has it, and one
for the three that paper plays side by side. The uncompiled engine plays six minutes of the same
market; the ratio is of simulated seconds per second.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import get_args

from engine.config import AssetSpec
from engine.derive.decisions import derive_config
from engine.onboarding.stages import EngineMode
from engine.policy import load_policy
from engine.runners.market_source import market_of_spec
from engine.runners.simulated import RunSpec, trade
from engine.store.home import Home

WEEK_H = 168.0
SHORT_H = 0.1
ASSET = "HYPE"
MAKERS: dict[EngineMode, str] = {
    "live": "one maker",
    "paper": "three makers side by side",
}  # by mode


def play(asset: str, mode: EngineMode, hours: float) -> float:
    """Return the seconds it takes to trade `hours` of the asset's market, kernels warm."""
    spec = AssetSpec(asset=asset, capital_usd=1000.0)
    facts = market_of_spec(spec, hours=1).facts(asset, 0)
    config, _ = derive_config(spec, facts, load_policy())
    with tempfile.TemporaryDirectory() as root:
        home = Home(Path(root))
        run = RunSpec(
            run="bench", asset=asset, mode=mode, fraction=1.0, config=config, sample_s=60.0
        )
        trade(run, home, 0.001)
        start = time.perf_counter()
        trade(run, home, hours)
        return time.perf_counter() - start


def uncompiled(mode: EngineMode) -> float:
    """Return the same for `SHORT_H` hours in a process without the compiler."""
    command = [sys.executable, "-m", "benchmarks.simulated_week", mode]
    env = os.environ | {"GANGWAY_JIT": "0"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Print the lines, or only the seconds of the uncompiled part of one mode."""
    for mode in get_args(EngineMode):
        if mode in sys.argv:
            print(play(ASSET, mode, SHORT_H))
            return
    for mode, makers in MAKERS.items():
        seconds = play(ASSET, mode, WEEK_H)
        speed = WEEK_H * 3600 / seconds
        slow = SHORT_H * 3600 / uncompiled(mode)
        print(
            f"{ASSET}, {makers}: a week in {seconds:.1f} s, {speed:,.0f} times real time, "
            f"{speed / slow:,.0f} times the same code uncompiled"
        )


if __name__ == "__main__":
    main()
