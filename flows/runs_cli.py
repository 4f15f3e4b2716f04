"""`gangway replay | compare | gap | paper …`: a market under one config, two, or many."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from engine.runners.replaying import Answer, ReplaySpec
    from engine.runners.variants import Changes, Ground

runs_app = typer.Typer()

Markets = Annotated[
    list[str], typer.Argument(help="Tapes, or assets of the simulated venue.", metavar="MARKET...")
]
Capital = Annotated[float, typer.Option(help="What each may trade with [USD].")]
Hours = Annotated[
    float | None, typer.Option(help="At most; 24 of a simulated market, all of a tape.")
]
ScenarioName = Annotated[str | None, typer.Option(help="Market of the simulated venue.")]
Seed = Annotated[int, typer.Option(help="Same seed, same market and same delays.")]
Jobs = Annotated[int | None, typer.Option(help="Processes; one a core where it is worth it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="JSON or TOML: a config, or some of its keys.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value of the config, venue.key=value of the paper venue."),
]
WORTH_H = 48.0  # session hours below which starting processes takes longer than playing


@runs_app.command()
def replay(
    markets: Markets,
    config: ConfigFile = None,
    settings: Settings = None,
    models: Annotated[
        str | None, typer.Option(help="Fill models, with commas; by default the three of the band.")
    ] = None,
    capital_usd: Capital = 1000.0,
    hours: Hours = None,
    scenario: ScenarioName = None,
    seed: Seed = 7,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Play markets under one config, or a grid (--set gamma=0.2,0.4): a row for each."""
    from engine.runners.sharing import results
    from engine.runners.variants import grid, label, models_named
    from flows.runs_show import show_replays

    said, points = _file(config), grid(settings or ())
    configs = [said | point for point in points]
    grounds = _grounds(markets, configs, capital_usd, hours, scenario, seed, as_json)
    specs = [
        ground.spec(
            " ".join(filter(None, (ground.market.label, label(point), model))), told | fills
        )
        for ground in grounds
        for point, told in zip(points, configs, strict=True)
        for model, fills in models_named(models, told).items()
    ]
    answers = _play(specs, jobs, as_json)
    if as_json:
        _print_json([_plain(one) for one in answers])
    else:
        show_replays(answers)
    results(answers)  # what failed is an error, once the others are shown


@runs_app.command()
def compare(
    markets: Markets,
    a: Annotated[list[str] | None, typer.Option("--a", help="key=value of A.")] = None,
    b: Annotated[list[str] | None, typer.Option("--b", help="key=value of B.")] = None,
    a_config: Annotated[Path | None, typer.Option(help="Config of A, or some of it.")] = None,
    b_config: Annotated[Path | None, typer.Option(help="Config of B, or some of it.")] = None,
    settings: Settings = None,
    capital_usd: Capital = 1000.0,
    hours: Hours = None,
    scenario: ScenarioName = None,
    seed: Seed = 7,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Play the same hours under two configs, and say whether a difference can be told."""
    from engine.runners.comparing import compare as compare_pairs
    from engine.runners.sharing import results
    from flows.runs_show import show_comparison

    (a_title, a_side), (b_title, b_side) = _one(a_config, a, settings), _one(b_config, b, settings)
    sides = (a_side, b_side)
    grounds = _grounds(markets, sides, capital_usd, hours, scenario, seed, as_json)
    specs = [
        ground.spec(f"{ground.market.label} {name}", side)
        for ground in grounds
        for name, side in zip("AB", sides, strict=True)
    ]
    played = results(_play(specs, jobs, as_json))
    pairs = list(zip(played[0::2], played[1::2], strict=True))
    differences = compare_pairs(pairs)
    if as_json:
        told = [one.model_dump(mode="json") for one in differences]
        _print_json({"a": a_side, "b": b_side, "differences": told})
        return
    show_comparison((a_title, b_title), pairs, differences)


@runs_app.command()
def gap(
    markets: Markets,
    config: ConfigFile = None,
    settings: Settings = None,
    warm_hours: Annotated[
        int | None, typer.Option(help="Learning before the cold start; a day, or half the hours.")
    ] = None,
    capital_usd: Capital = 1000.0,
    hours: Hours = None,
    scenario: ScenarioName = None,
    seed: Seed = 7,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> None:
    """Measure what paper flatters: queue position, rate limit, latency, warm-up."""
    from engine.policy import load_policy
    from engine.runners.gap import NAMES, gap_specs, measure_gap
    from engine.runners.sharing import results
    from flows.runs_show import show_gap

    _, changes = _one(config, settings)
    grounds = _grounds(markets, [changes], capital_usd, hours, scenario, seed, as_json)
    specs = [
        spec for ground in grounds for spec in gap_specs(ground.spec("paper", changes), warm_hours)
    ]
    played = results(_play(specs, jobs, as_json))
    policy, n = load_policy().paper, len(NAMES)
    gaps = [measure_gap(played[k : k + n], policy) for k in range(0, len(played), n)]
    if as_json:
        _print_json([one.model_dump(mode="json") for one in gaps])
        return
    for one in gaps:
        show_gap(one, policy)


@runs_app.command()
def paper(
    asset: Annotated[str, typer.Argument(help="HYPE, or xyz:TSLA on a builder dex.")],
    capital_usd: Capital,
    venue: Annotated[
        str, typer.Option(help="sim, mainnet, testnet, a server's URL, or frames:FILE.")
    ] = "sim",
    hours: Annotated[float | None, typer.Option(help="Stop after so much market time.")] = None,
    speed: Annotated[
        float | None, typer.Option(help="Of sim and frames, in market seconds a second, or inf.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Folder for tapes of what is heard.")] = None,
    scenario: ScenarioName = None,
    seed: Seed = 7,
    home: Annotated[
        Path | None, typer.Option(help="Directory of all state.", envvar="GANGWAY_HOME")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Trade on paper in real time, under three fill models side by side, until Ctrl-C."""
    from flows.paper import run, show_result

    asked = {"venue": venue, "scenario": scenario, "seed": seed}
    how = {"speed": speed, "hours": hours, "record": record}
    result = run(asset, capital_usd, home, quiet=as_json, asked=asked, how=how)
    if as_json:
        _print_json(result.model_dump(mode="json"))
        return
    show_result(result)


def _one(file: Path | None, *words: Iterable[str] | None) -> tuple[str, "Changes"]:
    """Return what a table calls one config, and what a file and words say of it, words last."""
    from engine.runners.variants import grid, label

    points = grid(word for more in words for word in more or ())
    if len(points) > 1:
        raise ValueError(f"{len(points)} configs where one is wanted: one value a key")
    title = " ".join(filter(None, (file and file.name, label(points[0])))) or "as derived"
    return title, _file(file) | points[0]


def _file(path: Path | None) -> dict[str, Any]:
    from engine.runners.variants import read_changes

    return read_changes(path) if path else {}


def _grounds(
    words: Sequence[str],
    points: Sequence["Changes"],
    capital_usd: float,
    hours: float | None,
    scenario: str | None,
    seed: int,
    quiet: bool,
) -> list["Ground"]:
    """Return the markets, each with what is derived for it where the points leave something."""
    from engine.policy import load_policy
    from engine.runners.variants import ground, is_complete, market_named
    from flows.show import progress

    markets = [market_named(word, hours=hours, scenario=scenario, seed=seed) for word in words]
    derives, policy = not all(is_complete(point) for point in points), load_policy()
    with progress("deriving a config", quiet) as update:
        told = []
        for k, market in enumerate(markets):
            update(f"deriving a config for {market.label}", k, len(markets))
            told.append(ground(market, capital_usd, policy, derives=derives))
    return told


def _play(specs: Sequence["ReplaySpec"], jobs: int | None, quiet: bool) -> list["Answer"]:
    from engine.runners.sharing import replay as play
    from flows.show import progress

    if jobs is None:
        hours = sum(spec.market.hours for spec in specs)
        jobs = os.cpu_count() or 1 if hours >= WORTH_H else 1
    words = f"playing {len(specs)} session{'s' if len(specs) > 1 else ''}"
    with progress(words, quiet) as update:
        return play(specs, jobs=jobs, on_progress=lambda done, all_: update(words, done, all_))


def _plain(answer: "Answer") -> dict[str, Any]:
    return answer._asdict() if isinstance(answer, tuple) else answer.model_dump(mode="json")


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, default=str))
