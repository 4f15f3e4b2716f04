"""A paper run as the operator asks for it: what it trades, where it hears it, where it records."""

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import orjson
from numpy.typing import NDArray

from engine.config import AssetSpec
from engine.derive.decisions import derive_config
from engine.policy import load_policy
from engine.runners.checkpoint import Checkpoint
from engine.runners.market_source import market_of_spec
from engine.runners.market_stream import FRAMES, MarketStream, market_stream
from engine.runners.paper import OnLook, PaperResult, trade_on_paper
from engine.runners.record_folder import RecordFolder
from engine.runners.simulated import RunSpec
from engine.runners.stopping import Stop
from engine.runners.tape_writer import TapeWriter
from engine.store.home import Home
from engine.venues.measured import MeasuredSource
from engine.venues.recorded.hyperliquid_frames import read_hyperliquid_frames
from engine.venues.source import MarketSource
from engine.venues.static import TAPE_ASSETS

ROTATE_S = 3600.0


def paper_spec(asked: AssetSpec, home: Home) -> RunSpec:
    """Return the run asked for: as it was begun, or derived from what the venue says now.

    Whoever asks for the same in the same home goes on with the same run. `asked.venue` is ``sim``,
    ``frames:PATH``, ``mainnet``, ``testnet`` or a URL.

    Raises
    ------
    ValueError
        if the asset cannot be traded there, or the capital is too small.
    """
    run = _name(asked)
    point = Checkpoint.read(home.state(run))
    if point is not None:
        return RunSpec.model_validate(orjson.loads(point.feed)["spec"])
    facts = _market(asked).facts(asked.asset, time.time_ns())
    config, _ = derive_config(asked, facts, load_policy())
    return RunSpec(
        run=run,
        asset=asked.asset,
        mode="paper",
        fraction=1.0,
        config=config,
        scenario=asked.scenario,
        seed=asked.seed,
    )


def trade_as_asked(
    asked: AssetSpec,
    spec: RunSpec,
    home: Home,
    *,
    speed: float | None = None,
    hours: float | None = None,
    record: Path | None = None,
    stop: Stop | None = None,
    on_look: OnLook | None = None,
) -> PaperResult:
    """Trade `spec`, which is of `asked`, on its venue's stream.

    Parameters
    ----------
    speed
        seconds of the market per second; 1 on ``sim``, as fast as they are read for frames where
        absent. A server has its own.
    record
        folder for tapes of what is heard.

    The other parameters, and what is raised, are as in `trade_on_paper`.
    """
    with contextlib.ExitStack() as stack:
        taping = _Taping(record, stack)

        def open_stream(began_ns: int, heard_ns: int) -> MarketStream:
            market = {"scenario": asked.scenario, "seed": asked.seed}
            times = {"start_ns": began_ns or None, "heard_ns": heard_ns}
            stream = market_stream(asked.venue, asked.asset, **market, **times, speed=speed)
            taping.begin(stream)
            return stream

        more: dict[str, Any] = {"hours": hours, "stop": stop, "on_look": on_look}
        pace = _pace(asked.venue, speed)
        return trade_on_paper(spec, home, open_stream, speed=pace, on_heard=taping.write, **more)


class _Taping:
    """Tapes of what a run hears, where a folder was given; the last one is finished by `stack`."""

    def __init__(self, path: Path | None, stack: contextlib.ExitStack) -> None:
        self._path, self._stack = path, stack
        self._writer: TapeWriter | None = None

    def begin(self, stream: MarketStream) -> None:
        if self._path is None:
            return
        folder = self._stack.enter_context(
            contextlib.closing(RecordFolder(self._path, stream.asset))
        )
        self._writer = TapeWriter(stream, folder, ROTATE_S, lambda *_: None)
        self._stack.callback(self._writer.release)
        self._stack.callback(self._writer.finish)

    def write(self, events: NDArray[Any]) -> None:
        if self._writer is None:
            return
        self._writer.write(events)
        if self._writer.due:
            self._writer.beat()


def _pace(venue: str, speed: float | None) -> float | None:
    if venue == "sim":
        return 1.0 if speed is None else speed
    if venue.startswith(FRAMES):
        return float("inf") if speed is None else speed
    return None


def _name(asked: AssetSpec) -> str:
    digest = hashlib.sha256(json.dumps(asked.model_dump(), sort_keys=True).encode()).hexdigest()
    return f"paper-{asked.asset.lower().replace(':', '-')}-{digest[:8]}"


def _market(asked: AssetSpec) -> MarketSource:
    """Return what is known of the market: of frames, what they say themselves."""
    if not asked.venue.startswith(FRAMES):
        return market_of_spec(asked)
    path = Path(asked.venue.removeprefix(FRAMES))
    if asked.asset not in TAPE_ASSETS:
        raise ValueError(
            f"terms of {asked.asset!r} are not known, and frames tell neither leverage nor "
            f"collateral; known are {', '.join(TAPE_ASSETS)}"
        )
    terms = {asked.asset: TAPE_ASSETS[asked.asset]}
    return MeasuredSource(
        f"frames {path.name}", terms, lambda asset: read_hyperliquid_frames(path, asset).chunks
    )
