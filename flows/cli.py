"""The `gangway` command. Every command is a few lines: parse, call, show.

Heavy libraries are imported inside the commands that need them, so that help is instant.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.audit_cli import audit_app
from flows.freeze_cli import freeze_app
from flows.haircut_cli import haircut
from flows.kill_cli import kill_app
from flows.localnet_cli import localnet
from flows.monitor_cli import daily, monitor
from flows.options import (
    AsJson,
    Asset,
    Capital,
    HomeDir,
    ProfileName,
    ScenarioName,
    Seed,
    TapeFile,
    Venue,
    asset_spec,
    home_at,
    market_facts,
    print_json,
)
from flows.report_cli import report
from flows.runs_cli import runs_app
from flows.screen_cli import screen, viability
from flows.tape_cli import tape_app

if TYPE_CHECKING:
    from engine.config import AssetSpec

app = typer.Typer(
    help="Take a Hyperliquid perpetual from 'is it worth quoting?' to full live capital.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(audit_app)
app.add_typer(freeze_app)
app.add_typer(kill_app)
app.add_typer(runs_app)
app.add_typer(tape_app, name="tape")
app.command()(viability)
app.command()(screen)
app.command()(haircut)
app.command()(report)
app.command()(daily)
app.command()(monitor)
app.command()(localnet)


@app.command()
def assets(venue: Venue = "sim", dex: str | None = None, as_json: AsJson = False) -> None:
    """List the assets of a venue's dex with what decides whether they are worth a look."""
    from engine.runners.market_source import market_source
    from flows.show import console, progress, rows_table

    with progress(f"asking {venue}", as_json):
        rows = [row.model_dump() for row in market_source(venue, hours=1).assets(dex)]
    if as_json:
        print_json(rows)
        return
    console.print(rows_table(f"assets of {dex or 'the main dex'} on {venue}", rows))


@app.command()
def dexs(venue: Venue = "sim", as_json: AsJson = False) -> None:
    """List the builder dexes of a venue."""
    from engine.runners.market_source import market_source
    from flows.show import console, rows_table

    rows = [row.model_dump() for row in market_source(venue).dexs()]
    if as_json:
        print_json(rows)
        return
    console.print(rows_table(f"dexes on {venue}", rows))


@app.command()
def derive(
    asset: Asset,
    capital_usd: Capital,
    profile: ProfileName = None,
    mark_px: Annotated[float | None, typer.Option(help="Mark price [USD].")] = None,
    available_margin: Annotated[float | None, typer.Option(help="Free margin [USD].")] = None,
    max_leverage: Annotated[float | None, typer.Option(help="The asset's leverage limit.")] = None,
    fee_bps: Annotated[float | None, typer.Option(help="Maker fee [bps].")] = None,
    venue: Venue = "sim",
    scenario: ScenarioName = None,
    seed: Seed = 7,
    as_json: AsJson = False,
) -> None:
    """Derive sizes and risk aversion from the capital; what is not given is asked of the venue."""
    from engine.derive.auto_derive import ExchangeContext, auto_derive
    from flows.show import console, progress, rows_table

    spec = asset_spec(
        asset, capital_usd, profile=profile, venue=venue, scenario=scenario, seed=seed
    )
    given = {
        "mark_px": mark_px,
        "available_margin": available_margin,
        "max_leverage": max_leverage,
        "fee_bps": fee_bps,
    }
    with progress(f"asking {venue}", as_json):
        context, chosen = _context(spec, given)
    derived = auto_derive(capital_usd, chosen, ExchangeContext(**context))
    result = {"asset": asset, "profile": chosen, "capital_usd": capital_usd, **context}
    result |= derived.model_dump()
    if as_json:
        print_json(result)
        return
    rows = [{"parameter": name, "value": value} for name, value in result.items()]
    console.print(rows_table(f"{asset} with ${capital_usd:,.0f}", rows))


def _context(spec: "AssetSpec", given: dict[str, float | None]) -> tuple[dict[str, float], Any]:
    """Complete the exchange context from the venue, asked only when something is missing."""
    missing = [name for name, value in given.items() if value is None]
    if not missing and spec.profile:
        return {name: value for name, value in given.items() if value is not None}, spec.profile
    from engine.derive.decisions import choose_profile
    from engine.policy import load_policy

    facts = market_facts(spec)
    margin = facts.available_margin_usd
    asked = {
        "mark_px": facts.mark_px,
        "available_margin": spec.capital_usd if margin is None else margin,
        "max_leverage": facts.max_leverage,
        "fee_bps": facts.maker_fee_bps,
    }
    profile = spec.profile or choose_profile(spec.asset, load_policy())
    return {name: asked[name] if value is None else value for name, value in given.items()}, profile


@app.command()
def rehearse(
    asset: Asset,
    capital_usd: Capital = 1000.0,
    profile: ProfileName = None,
    scenario: ScenarioName = None,
    seed: Seed = 7,
    tape: TapeFile = None,
    days: Annotated[float | None, typer.Option(help="Longest simulated time [days].")] = None,
    approve: Annotated[
        Literal["all", "none"], typer.Option(help="all answers human gates, none stops there.")
    ] = "all",
    home: Annotated[Path | None, typer.Option(help="Directory of the rehearsal's state.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole onboarding in compressed time, on a simulated market or a recorded tape."""
    spec = asset_spec(asset, capital_usd, profile=profile, scenario=scenario, seed=seed, tape=tape)
    from flows.rehearse import rehearse as run_rehearsal
    from flows.show import Narrator, console, progress

    narrator = Narrator(quiet=as_json)
    with progress(f"rehearsing {asset}", as_json) as update:
        result = run_rehearsal(
            spec, approve=approve, days=days, home=home, on_step=narrator.step, on_progress=update
        )
    narrator.end()
    if as_json:
        print_json(result)
        return
    for note in result["notes"]:
        console.print(f"[dim]· {note}[/]")
    console.print(f"{asset} stands at [bold]{result['stage']}[/]: {result['why']}")
    console.print(f"[dim]{result['simulated_days']:g} simulated days, kept in {result['home']}[/]")


@app.command()
def onboard(
    asset: Asset,
    capital_usd: Capital,
    profile: ProfileName = None,
    venue: Venue = "sim",
    scenario: ScenarioName = None,
    seed: Seed = 7,
    home: HomeDir = None,
    as_json: AsJson = False,
) -> None:
    """Take one asset one step further now, as its scheduled run would."""
    spec = asset_spec(
        asset, capital_usd, profile=profile, venue=venue, scenario=scenario, seed=seed
    )
    from flows.onboard import one_step
    from flows.show import console, progress, show_verdict

    with progress(f"{asset}: one step", as_json):
        step = one_step(home_at(home), spec)
    if as_json:
        verdict = step.verdict.model_dump(mode="json") if step.verdict else None
        print_json({"asset": asset, "stage": step.after.stage, "verdict": verdict})
        return
    if step.verdict is not None:
        show_verdict(step.verdict)
    console.print(step.words)


STATUS = ("asset", "stage", "version", "attempt", "run", "paper_only")


@app.command()
def status(
    asset: Annotated[str | None, typer.Argument(help="One asset; all when absent.")] = None,
    home: HomeDir = None,
    as_json: AsJson = False,
) -> None:
    """Show where every asset stands, and check that the audit is unbroken."""
    from rich.markup import escape

    from engine.runners.standing import onboarding, why_stopped
    from flows.show import console, rows_table

    place = home_at(home)
    stopped = why_stopped(place)
    with onboarding(place) as store:
        store.verify()
        states = [store.get(asset)] if asset else store.all()
        rows = [
            state.model_dump(include=set(STATUS)) | {"words": _last(store, state)}
            for state in states
        ]
    if as_json:
        print_json([row | {"line_stopped": stopped or None} for row in rows])
        return
    console.print(rows_table("assets", rows))
    if stopped:
        console.print(f"[red]the line is stopped, and no capital rises: {escape(stopped)}[/]")
    console.print("[dim]audit chain verified[/]")


def _last(store: Any, state: Any) -> str:
    """Return what a gate said last; reviews move nothing, and no stage waits for one."""
    from engine.runners.reviewing import REVIEWS

    said = [e.body["verdict"] for e in store.history(state.asset) if e.kind == "verdict"]
    words = [one["words"] for one in said if one["gate"] not in REVIEWS]
    return words[-1] if words else "not judged yet"


@app.command()
def checklist(asset: Asset, home: HomeDir = None, as_json: AsJson = False) -> None:
    """Print the procedure's checklist with what is ticked, and by which evidence."""
    from engine.derive import checklist as lines
    from engine.runners.standing import newest_verdicts, onboarding
    from flows.show import checklist as show

    place = home_at(home)
    with onboarding(place) as store:
        state = store.get(asset)
        others = len(store.all()) - 1
    plain = state.model_dump(mode="json") | {"others": others}
    items = lines.checklist(plain, newest_verdicts(place, asset))
    if as_json:
        print_json([item.model_dump() for item in items])
        return
    show(f"{asset}: onboarding checklist (stage {state.stage})", items)


@app.command()
def explain(
    market: Annotated[str, typer.Argument(help="A tape, or an asset of the simulated venue.")],
    at: Annotated[str, typer.Option(help="1h30m after the start, or 2025-09-04T12:30:00 UTC.")],
    capital_usd: Capital = 1000.0,
    scenario: ScenarioName = None,
    seed: Seed = 7,
    as_json: AsJson = False,
) -> None:
    """Take the quote of one moment apart: every term in bps, adding up to its distance."""
    from engine.runners.explain import explain as take_apart
    from flows.show import progress

    if market.endswith(".tape"):
        from engine.store.tape import tape_info as read_info

        asset = read_info(Path(market)).asset
        spec = asset_spec(asset, capital_usd, tape=Path(market))
    else:
        spec = asset_spec(market, capital_usd, scenario=scenario, seed=seed)
    with progress(f"playing {spec.asset} to {at}", as_json):
        explanation = take_apart(spec, at)
    if as_json:
        print_json(explanation.model_dump(mode="json"))
        return
    from flows.explain import show

    show(explanation)


@app.command()
def up(
    home: HomeDir = None,
    port: Annotated[int, typer.Option(help="Loopback port of the pages.")] = 4200,
    speed: Annotated[float, typer.Option(help="Simulated time over real time.")] = 60.0,
    i_mean_mainnet: Annotated[bool, typer.Option(help="Real money is at stake.")] = False,
) -> None:
    """Start server, worker and engine host on loopback, and print where approvals wait."""
    from flows.up import up as bring_up

    bring_up(home or Path("var"), port, speed, mean_mainnet=i_mean_mainnet, say=typer.echo)


def _explain(error: Exception) -> str:
    """Return what went wrong in one line: the field, the value, and what would be right."""
    lines = getattr(error, "errors", None)
    if not callable(lines):
        return str(error)
    told = [
        f"{'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}, was {e['input']!r}"
        for e in lines()  # pyright: ignore[reportGeneralTypeIssues]
    ]
    return "; ".join(told)


def _run() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except (ValueError, RuntimeError, OSError) as error:
        typer.echo(f"error: {_explain(error)}", err=True)
        return 2
    return 0


def main() -> None:
    """Run the command; what the user can mend is one line on stderr and exit code 2."""
    code = _run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # Prefect's threads outlive the command, and DuckDB would report what they hold


if __name__ == "__main__":
    main()
