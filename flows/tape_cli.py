"""`gangway tape …`: import a recording, look at a tape, verify it, hand it to others."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from engine.store.tape_facts import TapeInfo

tape_app = typer.Typer(help="Recorded market data.", no_args_is_help=True)

Tape = Annotated[Path, typer.Argument(help="A tape.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@tape_app.command("import")
def tape_import(
    source: Annotated[Path, typer.Argument(help="A recording: a folder, or one file of it.")],
    out: Annotated[Path, typer.Argument(help="The tape to write.")],
    asset: Annotated[str | None, typer.Option(help="Which asset of the recording.")] = None,
    sz_decimals: Annotated[int | None, typer.Option(help="Decimals of a size.")] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a recording into a tape; every dropped row is counted by its reason."""
    from engine.runners.tape_import import import_tape
    from flows.show import progress

    with progress(f"importing {source.name}", as_json):
        info = import_tape(source, out, asset=asset, sz_decimals=sz_decimals)
    show_tape(info, as_json)


@tape_app.command("merge")
def tape_merge(
    market: Annotated[Path, typer.Argument(help="A tape of books and trades.")],
    reference: Annotated[Path, typer.Argument(help="The leading venue's tape of the same coin.")],
    out: Annotated[Path, typer.Argument(help="The tape to write.")],
    shift_s: Annotated[float, typer.Option(help="Take the reference as so much later.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Join a market with its leading venue, over the time both tapes cover."""
    from engine.runners.tape_merge import merge_tapes

    show_tape(merge_tapes(market, reference, out, shift_s=shift_s), as_json)


@tape_app.command("info")
def tape_info(tape: Tape, as_json: AsJson = False) -> None:
    """Show what a tape holds: rows, gaps, locked books, what was dropped and why."""
    from engine.store.tape import tape_info as read_info

    show_tape(read_info(tape), as_json)


@tape_app.command("verify")
def tape_verify(
    tape: Tape,
    sha256: Annotated[str | None, typer.Option(help="What the file's must be.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read a whole tape: every row must be true, and the account of them right."""
    from engine.store.tape_verify import verify_tape
    from flows.show import progress

    with progress(f"verifying {tape.name}", as_json):
        info = verify_tape(tape, sha256)
    if as_json:
        print_json(info.model_dump(mode="json"))
        return
    typer.echo(f"{info.events:,} events of {info.asset} are as the tape says")
    typer.echo(f"sha256 of the file    {info.sha256}")
    typer.echo(f"sha256 of the events  {info.events_sha256}")


@tape_app.command("export")
def tape_export(
    tape: Tape,
    out: Annotated[Path, typer.Argument(help="The .npz file to write.")],
    as_json: AsJson = False,
) -> None:
    """Write a tape as hftbacktest's array."""
    from engine.store.tape_export import export_hftbacktest
    from flows.show import progress

    with progress(f"exporting {tape.name}", as_json):
        rows = export_hftbacktest(tape, out)
    if as_json:
        print_json({"rows": rows, "path": str(out)})
        return
    typer.echo(f"{rows:,} rows in {out}")


@tape_app.command("record")
def tape_record(
    asset: Annotated[str, typer.Argument(help="HYPE, or xyz:TSLA on a builder dex.")],
    out: Annotated[Path, typer.Option(help="The folder the tapes go to.")],
    venue: Annotated[
        str, typer.Option(help="sim, mainnet, testnet, a server's URL, or frames:FILE.")
    ] = "sim",
    rotate_minutes: Annotated[float, typer.Option(help="Length of a tape.")] = 60.0,
    hours: Annotated[float | None, typer.Option(help="Stop after so much market time.")] = None,
    speed: Annotated[
        float | None, typer.Option(help="Of sim and frames, in market seconds a second, or inf.")
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="Market of the simulated venue.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same market.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Record a market as it comes, one tape an hour, until the hours are over or Ctrl-C."""
    from flows.recording import run

    how = {"speed": speed, "scenario": scenario, "seed": seed}
    made = run(venue, asset, out, 60.0 * rotate_minutes, hours, as_json, **how)
    if as_json:
        print_json(made)


def show_tape(info: "TapeInfo", as_json: bool) -> None:
    """Print a tape's account of itself."""
    if as_json:
        print_json(info.model_dump(mode="json"))
        return
    from flows.show import console

    console.print(tape_table(info))


def print_json(value: Any) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(value, indent=2, default=str))


def tape_table(info: "TapeInfo") -> "Table":
    """Return what a tape holds, what it lacks, and what did not enter it, row by row."""
    from rich.table import Table

    table = Table(title=f"tape of {info.asset}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    spread = "–" if info.spread_bps_median is None else f"{info.spread_bps_median:.3g} bps median"
    locked = "none" if info.locked_share is None else f"{info.locked_share:.1%}"
    rows = {
        "recorded at": f"{info.venue} ({info.source})",
        "from, to": f"{_utc(info.first_ns)} – {_utc(info.last_ns)}: {info.hours:.2f} h",
        "holds": ", ".join(f"{n:,} {kind}s" for kind, n in info.counts.items()),
        "spread": spread,
        "locked books": f"{info.locked_books:,} of {info.books:,} ({locked})",
        "gaps over 5 s": _gaps(info),
        "out of order": ", ".join(f"{n:,} {stream}" for stream, n in info.disorder.items()),
        "file": f"version {info.version}, {info.bytes_per_event:.2f} bytes an event",
        "sha256 of the file": info.sha256,
        "sha256 of the events": info.events_sha256,
    }
    rows |= {f"dropped: {why}": f"{n:,} rows" for why, n in sorted(info.dropped.items())}
    rows |= {f"noted: {why}": f"{n:,} rows" for why, n in sorted(info.noted.items())}
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _gaps(info: "TapeInfo") -> str:
    if not info.gaps:
        return "none"
    longest = max(info.gaps, key=lambda gap: gap.seconds)
    return (
        f"{len(info.gaps):,}, {info.gap_s:,.0f} s in all, longest {longest.seconds:.1f} s from "
        f"{_utc(longest.start_ns)}"
    )


def _utc(ts_ns: int) -> str:
    return datetime.fromtimestamp(ts_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
