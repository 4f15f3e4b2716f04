"""`gangway localnet`: a loopback Hyperliquid that real clients accept, with faults on request."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.options import ScenarioName, Seed

STATE = Path("var/localnet")

USAGE = """\
localnet answers at {url}   (state in {state})
  markets       {markets}
  official SDK  Exchange(wallet, "{url}", account_address=...), Info("{url}")
  gangway       gangway viability {asset} --venue {url}
  Binance       {binance}/public/stream?streams=btcusdt@bookTicker  (prints: {binance}/market/...)
  faucet        curl -X POST {url}/faucet -d '{{"user": "0x...", "usd": 1000}}'
  faults        curl -X POST {url}/faults -d '{{"kind": "lose_response", "probability": 0.1}}'"""


def localnet(
    port: Annotated[int, typer.Option(help="On loopback; 0 takes a free one.")] = 3001,
    speed: Annotated[float, typer.Option(help="Seconds of the markets per second.")] = 1.0,
    assets: Annotated[
        str | None, typer.Option(help="Driven by simulation, with commas; 'none' for none.")
    ] = None,
    scenario: ScenarioName = None,
    seed: Seed = 7,
    tape: Annotated[list[Path] | None, typer.Option(help="Drives the asset it is of.")] = None,
    fund: Annotated[
        list[str] | None, typer.Option(help="ADDRESS=USD: collateral on a new exchange.")
    ] = None,
    desk: Annotated[
        float | None, typer.Option(help="Open a throw-away account with this much, and an agent.")
    ] = None,
    faults: Annotated[Path | None, typer.Option(help="Plan of faults, TOML.")] = None,
    state: Annotated[Path, typer.Option(help="Where it is kept; a second start goes on.")] = STATE,
    latency_ms: Annotated[float, typer.Option(help="Median of one way [ms].")] = 60.0,
    news_ms: Annotated[float, typer.Option(help="From a block to its news [ms].")] = 200.0,
    block_ms: Annotated[float, typer.Option(help="Between two blocks, mean [ms].")] = 85.0,
    book_ms: Annotated[float, typer.Option(help="Period of the 20-level book [ms].")] = 5400.0,
    idle_s: Annotated[float, typer.Option(help="A silent socket closes after [s].")] = 60.0,
    ip_limits: Annotated[bool, typer.Option(help="Weight and sockets of an IP.")] = True,
) -> None:
    """Serve Hyperliquid's and Binance's protocols on loopback until interrupted."""
    from engine.runners.localnet.faults import Plan, read_plan
    from engine.runners.localnet.server import Options, Server
    from engine.runners.localnet.settings import Settings

    settings = Settings(
        seed=seed,
        latency_ms=latency_ms,
        news_ms=news_ms,
        block_ms=(block_ms * 14 / 17, block_ms * 20 / 17),  # 70 to 100 about the default
        book_ms=book_ms,
        idle_s=idle_s,
        ip_limits=ip_limits,
    )
    options = Options(
        folder=state,
        port=port,
        speed=speed,
        settings=settings,
        plan=read_plan(faults) if faults else Plan(),
        setup=_setup(assets, scenario, seed, tape or []),
        gifts=tuple(_gift(one) for one in fund or []),
    )
    server = Server(options)
    markets = [source.asset.coin for source in server.chain.markets.sources]
    server.serve(lambda url: _opened(url, state, markets, desk))


def _opened(url: str, state: Path, markets: list[str], desk: float | None) -> None:
    """Say where it is; an account is opened from a thread, for the server must answer it."""
    import threading

    typer.echo(
        USAGE.format(
            url=url,
            state=state,
            markets=", ".join(markets) or "none: books are empty until somebody quotes",
            asset=markets[0] if markets else "BTC",
            binance="ws" + url.removeprefix("http"),
        )
    )
    if desk is not None:
        threading.Thread(target=_open_desk, args=(url, state, desk), daemon=True).start()


def _open_desk(url: str, state: Path, usd: float) -> None:
    """Open an account, and let `--venue localnet` mean it in the home of this process."""
    from engine.runners.live.venue_file import venue_path
    from engine.runners.localnet.desk import open_desk, write_venue
    from engine.store.home import Home

    opened, path = open_desk(url, state, usd), venue_path(Home(), "localnet")
    write_venue(path, opened)
    typer.echo(f"  account       {opened.account}\n  venue         localnet, in {path}")


def _setup(assets: str | None, scenario: str | None, seed: int, tapes: list[Path]) -> Any:
    """Return what a new exchange lists and drives; None for the default, or what there is."""
    if assets is None and scenario is None and not tapes:
        return None
    from engine.runners.localnet.chain import wall_ms
    from engine.runners.localnet.setup import ASSETS, new_setup

    named = ASSETS if assets is None else tuple(one for one in assets.split(",") if one != "none")
    return new_setup(wall_ms(), named, scenario=scenario, seed=seed, tapes=tuple(tapes))


def _gift(text: str) -> Any:
    from engine.runners.localnet.entry import Gift

    user, _, usd = text.partition("=")
    try:
        amount = float(usd)
    except ValueError:
        amount = -1.0
    digits = user.lower().removeprefix("0x")
    if len(digits) != 40 or set(digits) - set("0123456789abcdef") or not 0 < amount < 1e12:
        raise ValueError(f"fund must be ADDRESS=USD, was {text!r}")
    return Gift(f"0x{digits}", amount)
